#include <curl/curl.h>

// curl_easy_setopt takes any number of arguments, which Swift cannot call: one function for each sort of value.

typedef size_t (*rl_curl_transfer)(char *bytes, size_t size, size_t count, void *context);
typedef int (*rl_curl_progress)(void *context, curl_off_t, curl_off_t, curl_off_t, curl_off_t);

static inline CURLcode rl_curl_set_number(CURL *curl, CURLoption option, long value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode rl_curl_set_size(CURL *curl, CURLoption option, curl_off_t value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode rl_curl_set_text(CURL *curl, CURLoption option, const char *value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode rl_curl_set_list(CURL *curl, CURLoption option, struct curl_slist *value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode rl_curl_set_context(CURL *curl, CURLoption option, void *value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode rl_curl_set_transfer(CURL *curl, CURLoption option, rl_curl_transfer value) {
  return curl_easy_setopt(curl, option, value);
}

static inline CURLcode rl_curl_set_progress(CURL *curl, rl_curl_progress value) {
  return curl_easy_setopt(curl, CURLOPT_XFERINFOFUNCTION, value);
}
