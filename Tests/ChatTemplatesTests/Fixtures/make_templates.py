#!/usr/bin/env python3
"""Write templates.json: chat templates and what transformers renders with them.

usage: make_templates.py OUT.json [--templates DIR]
needs: pip install transformers jinja2

The templates here are small ones of our own, which together use every construct that models' templates use. With
--templates all *.jinja files under DIR take their place; run `RANDLORA_TEMPLATES=OUT.json swift test --filter
ChatTemplatesTests` on the result to compare with real templates, which stay outside.
"""
import argparse, datetime, json, pathlib
import transformers.utils.chat_template_utils as utils

p = argparse.ArgumentParser()
p.add_argument("out")
p.add_argument("--templates")
a = p.parse_args()
DATE = "2025-07-31"

class Day(datetime.datetime):
    @classmethod
    def now(cls, tz=None):
        return cls(2025, 7, 31)

utils.datetime = Day

call = lambda name, **arguments: dict(type="function", id="call00001", function=dict(name=name, arguments=arguments))
TOOLS = [
    dict(type="function", function=dict(name="get_weather", description="Weather of a <city> & \"more\".", parameters=dict(
        type="object", properties=dict(city=dict(type="string", description="Name, e.g. Zürich"), days=dict(type="integer", enum=[1, 3]),
                                       unit=dict(type=["string", "null"])), required=["city"]))),
    dict(type="function", function=dict(name="now", description="", parameters=dict(type="object", properties={}))),
]
TALKS = dict(
    one=[dict(role="user", content="Hi")],
    system=[dict(role="system", content=" Be brief.\n"), dict(role="user", content="  2+2?\n"), dict(role="assistant", content="4 "),
            dict(role="user", content="naïve 🙂 {{ x }} </s>")],
    answered=[dict(role="user", content="Tell me\n\na 'story' \"now\""), dict(role="assistant", content="line1\n\nline2\\n\ttab"),
              dict(role="user", content=""), dict(role="assistant", content="The end.")],
    thinking=[dict(role="user", content="3*3?"), dict(role="assistant", content="<think>\nthree threes\n</think>\n\n9"),
              dict(role="user", content="And squared?"), dict(role="assistant", content="81", reasoning_content="9*9 = 81")],
    tool=[dict(role="system", content="Use tools."), dict(role="user", content="Weather?"),
          dict(role="assistant", content=None, tool_calls=[call("get_weather", city="Zürich", days=3)]),
          dict(role="tool", name="get_weather", tool_call_id="call00001", content="{\"t\": 21.5}"),
          dict(role="assistant", content="21.5 °C")],
    parts=[dict(role="user", content=[dict(type="text", text="Look "), dict(type="text", text="here.")]), dict(role="assistant", content="Yes.")],
)
SPECIAL = dict(bos_token="<s>", eos_token="</s>")

CHATML = """{%- if messages[0].role == 'system' %}
    {{- '<|im_start|>system\\n' + messages[0].content + '<|im_end|>\\n' }}
{%- else %}
    {{- '<|im_start|>system\\nYou are a helpful assistant.<|im_end|>\\n' }}
{%- endif %}
{%- for message in messages[messages[0].role == 'system' and 1 or 0:] %}
    {{- '<|im_start|>' ~ message.role ~ '\\n' }}{% if message.role == 'assistant' %}{% generation %}{{ message.content }}<|im_end|>{% endgeneration %}{{ '\\n' }}
    {%- else %}{{ message['content'] }}<|im_end|>{{ '\\n' }}{% endif %}
{%- endfor %}
{%- if add_generation_prompt %}<|im_start|>assistant
{% endif %}"""

FAMILIES = dict(
    chatml=CHATML,
    llama2="""{% if messages[0]['role'] == 'system' %}{% set rest = messages[1:] %}{% set system = messages[0]['content'] %}{% else %}{% set rest = messages %}{% set system = false %}{% endif %}
{% for message in rest %}{% if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles must alternate user/assistant') }}{% endif %}
{% if loop.index0 == 0 and system != false %}{% set content = '<<SYS>>\\n' + system + '\\n<</SYS>>\\n\\n' + message['content'] %}{% else %}{% set content = message['content'] %}{% endif %}
{% if message['role'] == 'user' %}{{ bos_token + '[INST] ' + content.strip() + ' [/INST]' }}{% elif message['role'] == 'assistant' %}{{ ' ' + content.strip() + ' ' + eos_token }}{% endif %}{% endfor %}""",
    llama3="""{{- bos_token }}
{%- if custom_tools is defined %}{% set tools = custom_tools %}{% endif %}
{%- if not date_string is defined %}{%- if strftime_now is defined %}{%- set date_string = strftime_now("%d %b %Y") %}{%- else %}{%- set date_string = "26 Jul 2024" %}{%- endif %}{%- endif %}
{%- if messages[0]['role'] == 'system' %}{%- set system_message = messages[0]['content']|trim %}{%- set messages = messages[1:] %}{%- else %}{%- set system_message = "" %}{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{%- if tools is not none %}{{- "Environment: ipython\\n" }}{%- endif %}
{{- "Today Date: " + date_string + "\\n\\n" }}
{%- if tools is not none %}{%- for t in tools %}{{- t | tojson(indent=4) }}{{- "\\n\\n" }}{%- endfor %}{%- endif %}
{{- system_message }}{{- "<|eot_id|>" }}
{%- for message in messages %}
    {%- if not (message.role == 'ipython' or message.role == 'tool' or 'tool_calls' in message) %}
        {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
    {%- elif 'tool_calls' in message %}
        {%- if not message.tool_calls|length == 1 %}{{- raise_exception("one call at a time") }}{%- endif %}
        {%- set tool_call = message.tool_calls[0].function %}
        {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' -}}
        {{- '{"name": "' + tool_call.name + '", ' }}{{- '"parameters": ' }}{{- tool_call.arguments | tojson }}{{- "}" }}{{- "<|eot_id|>" }}
    {%- elif message.role == "tool" or message.role == "ipython" %}
        {{- "<|start_header_id|>ipython<|end_header_id|>\\n\\n" }}
        {%- if message.content is mapping or message.content is iterable %}{{- message.content | tojson }}{%- else %}{{- message.content }}{%- endif %}{{- "<|eot_id|>" }}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}{%- endif %}
""",
    mistral="""{%- set loop_messages = messages[1:] if messages[0]["role"] == "system" else messages %}
{%- set users = loop_messages | selectattr("role", "equalto", "user") | list %}
{{- bos_token }}
{%- for message in loop_messages %}
    {%- if message["role"] == "user" %}
        {%- if tools is not none and (message == users[-1]) %}[AVAILABLE_TOOLS]{{ tools | map(attribute="function") | list | tojson }}[/AVAILABLE_TOOLS]{% endif %}
        {%- if loop.last and system_message is defined %}{{- "[INST] " + system_message + "\\n\\n" + message["content"] + "[/INST]" }}{%- else %}{{- "[INST] " + message["content"] + "[/INST]" }}{%- endif %}
    {%- elif message.tool_calls is defined and message.tool_calls is not none %}
        {{- "[TOOL_CALLS] [" }}{%- for tool_call in message.tool_calls %}{%- set out = tool_call.function|tojson %}{{- out[:-1] }}{{- ', "id": "' + tool_call.id + '"}' }}{%- if not loop.last %}{{- ", " }}{%- else %}{{- "]" + eos_token }}{%- endif %}{%- endfor %}
    {%- elif message["role"] == "assistant" %}{{- " " + message["content"]|trim + eos_token}}
    {%- elif message["role"] in ["tool_results", "tool"] %}{{- '[TOOL_RESULTS] {"content": ' + message.content|string + ", " }}{{- '"call_id": "' + message.tool_call_id + '"}[/TOOL_RESULTS]' }}
    {%- else %}{{- raise_exception("Only user and assistant roles are supported, found " ~ message["role"]) }}{%- endif %}
{%- endfor %}
""",
    phi3="{% for message in messages %}{% if message['role'] == 'system' %}{{'<|system|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'user' %}{{'<|user|>\n' + message['content'] + '<|end|>\n'}}{% elif message['role'] == 'assistant' %}{{'<|assistant|>\n' + message['content'] + '<|end|>\n'}}{% endif %}{% endfor %}{% if add_generation_prompt %}{{ '<|assistant|>\n' }}{% else %}{{ eos_token }}{% endif %}",
    gemma="""{{ bos_token }}{% if messages[0]['role'] == 'system' %}{{ raise_exception('System role not supported') }}{% endif %}{% for message in messages %}{% if (message['role'] == 'assistant') %}{% set role = 'model' %}{% else %}{% set role = message['role'] %}{% endif %}{{ '<start_of_turn>' + role + '
' + (message['content'] if message['content'] is string else message['content'] | map(attribute='text') | join('')) | trim + '<end_of_turn>
' }}{% endfor %}{% if add_generation_prompt %}{{'<start_of_turn>model
'}}{% endif %}""",
    qwen3="""{%- set ns = namespace(multi_step_tool=true, last_query_index=messages|length - 1) %}
{%- for message in messages[::-1] %}
    {%- set index = (messages|length - 1) - loop.index0 %}
    {%- if ns.multi_step_tool and message.role == "user" and message.content is string and not(message.content.startswith('<tool_response>') and message.content.endswith('</tool_response>')) %}
        {%- set ns.multi_step_tool = false %}{%- set ns.last_query_index = index %}
    {%- endif %}
{%- endfor %}
{%- if tools %}{{- '<|im_start|>system\\n# Tools\\n<tools>' }}{%- for tool in tools %}{{- "\\n" }}{{- tool | tojson }}{%- endfor %}{{- "\\n</tools><|im_end|>\\n" }}{%- endif %}
{%- for message in messages %}
    {%- if message.content is string %}{%- set content = message.content %}{%- else %}{%- set content = '' %}{%- endif %}
    {%- if (message.role == "user") or (message.role == "system" and not loop.first) %}{{- '<|im_start|>' + message.role + '\\n' + content + '<|im_end|>' + '\\n' }}
    {%- elif message.role == "assistant" %}
        {%- set reasoning_content = '' %}
        {%- if message.reasoning_content is string %}{%- set reasoning_content = message.reasoning_content %}
        {%- elif '</think>' in content %}{%- set reasoning_content = content.split('</think>')[0].rstrip('\\n').split('<think>')[-1].lstrip('\\n') %}{%- set content = content.split('</think>')[-1].lstrip('\\n') %}{%- endif %}
        {%- if loop.index0 > ns.last_query_index and (loop.last or (not loop.last and reasoning_content)) %}{{- '<|im_start|>' + message.role + '\\n<think>\\n' + reasoning_content.strip('\\n') + '\\n</think>\\n\\n' + content.lstrip('\\n') }}
        {%- else %}{{- '<|im_start|>' + message.role + '\\n' + content }}{%- endif %}
        {%- if message.tool_calls %}{%- for tool_call in message.tool_calls %}{%- if (loop.first and content) or (not loop.first) %}{{- '\\n' }}{%- endif %}{%- if tool_call.function %}{%- set tool_call = tool_call.function %}{%- endif %}{{- '<tool_call>\\n{"name": "' }}{{- tool_call.name }}{{- '", "arguments": ' }}{%- if tool_call.arguments is string %}{{- tool_call.arguments }}{%- else %}{{- tool_call.arguments | tojson }}{%- endif %}{{- '}\\n</tool_call>' }}{%- endfor %}{%- endif %}
        {{- '<|im_end|>\\n' }}
    {%- elif message.role == "tool" %}
        {%- if loop.first or (messages[loop.index0 - 1].role != "tool") %}{{- '<|im_start|>user' }}{%- endif %}{{- '\\n<tool_response>\\n' }}{{- content }}{{- '\\n</tool_response>' }}{%- if loop.last or (messages[loop.index0 + 1].role != "tool") %}{{- '<|im_end|>\\n' }}{%- endif %}
    {%- endif %}
{%- endfor %}
{%- if add_generation_prompt %}{{- '<|im_start|>assistant\\n' }}{%- if enable_thinking is defined and enable_thinking is false %}{{- '<think>\\n\\n</think>\\n\\n' }}{%- endif %}{%- endif %}""",
    smollm3="""{%- macro describe(tool) -%}{{ tool.function.name }}: {{ tool.function.description or "nothing" }}{%- endmacro -%}
{%- set today = strftime_now("%d %B %Y, %A, day %j") -%}
{{- "<|im_start|>system\\nToday: " ~ today ~ "\\n" -}}{% for tool in tools or [] %}{{ describe(tool) }}
{% endfor %}<|im_end|>
{% for message in messages if message.role != "system" -%}
    {%- set content = message.content if message.content is string else "" -%}
    <|im_start|>{{ message.role }}
{% if message.role == "assistant" %}{% generation %}{{ "<think>\\n\\n</think>\\n" + content + "<|im_end|>\\n" }}{% endgeneration %}{% else %}{{ content }}<|im_end|>
{% endif %}
{%- endfor -%}
{% if add_generation_prompt %}<|im_start|>assistant
{% endif %}""",
)

# One construct each, on the conversation "answered".
CONSTRUCTS = {
    "loop attributes": "{% for m in messages %}{{ loop.index }}/{{ loop.index0 }}/{{ loop.revindex }}/{{ loop.revindex0 }}/{{ loop.length }} {{ loop.first }} {{ loop.last }} {{ loop.previtem is defined and loop.previtem.role }}>{{ loop.nextitem.role if loop.nextitem is defined }} {{ loop.cycle('a', 'b', 'c') }} {{ loop.changed(m.role) }} {{ loop.depth }}\n{% endfor %}",
    "loop else and filter": "{% for m in messages if m.content %}{{ loop.index }}{{ loop.length }}{{ m.role }} {% else %}none{% endfor %}{% for m in [] %}x{% else %}empty{% endfor %}",
    "loop controls": "{% for i in range(10) %}{% if i == 2 %}{% continue %}{% elif i > 5 %}{% break %}{% endif %}{{ i }}{% endfor %}",
    "recursive loop": "{% for k, v in {'a': {'b': {}, 'c': {'d': {}}}}.items() recursive %}{{ '  ' * loop.depth0 }}{{ k }}\n{{ loop(v.items()) }}{% endfor %}",
    "unpacking": "{% for a, (b, c) in [(1, (2, 3)), [4, [5, 6]]] %}{{ a }}{{ b }}{{ c }} {% endfor %}{% set x, y = 'p', 'q' %}{{ x ~ y }}",
    "scopes": "{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = x + 10 %}{{ x }} {% endfor %}{{ x }}{% if true %}{% set x = 5 %}{% endif %}{{ x }}{% with y = x, z = 7 %}{{ y }}{{ z }}{% set x = 0 %}{% endwith %}{{ x }}{{ y is defined }}",
    "namespace": "{% set ns = namespace(n=0, seen=false) %}{% for m in messages %}{% if m.role == 'user' %}{% set ns.n = ns.n + 1 %}{% set ns.seen = true %}{% endif %}{% endfor %}{{ ns.n }} {{ ns.seen }} {{ ns.other is defined }}{% set ns2 = namespace({'a': 1}, b=2) %}{{ ns2.a }}{{ ns2['b'] }}",
    "macros": "{% macro f(a, b='B', c=none) %}[{{ a }}{{ b }}{{ c }}{{ d is defined }}]{% endmacro %}{{ f(1) }}{{ f(1, c=3) }}{{ f(b=2) }}{% macro outer() %}<{{ caller('x') }}>{% endmacro %}{% call(v) outer() %}{{ v * 2 }}{% endcall %}{% macro fact(n) %}{{ 1 if n < 2 else n * (fact(n - 1) | int) }}{% endmacro %}{{ fact(10) }}",
    "macro sees later variables": "{% set a = 1 %}{% macro f() %}{{ a }}{{ b }}{% endmacro %}{% set a = 2 %}{% set b = 3 %}{{ f() }}",
    "filter blocks": "{% filter upper | replace('B', 'x') %}abc{{ 'b' }}{% endfilter %}{% set t | trim %}  in {{ messages|length }} {% endset %}[{{ t }}]{% set u %}{{ 1 }}{% endset %}{{ u is string }}",
    "white space": "  {% if true %}\n    a\n  {% endif %}\n  {%- if true -%}  b  {%- endif -%}  \n c {%+ if true %}\n d{% endif +%}\n e\n   {# comment #}\n f {#- comment -#} g\n\t{% set x = 1 %}  \n{{ x }}\n{{- x -}}  \n  h\n",
    "raw": "{% raw %}{{ x }} {% if %}{% endraw %} {%- raw -%}  {# y #}  {%- endraw -%}  z",
    "strings": r"""{{ 'a\'b\n\t\\ \x41\u00e9\U0001F642' }}{{ "d\"q" "joined" }}{{ 'x' 'y' }}""",
    "numbers": "{{ 1_000 }} {{ 1.5 }} {{ 1e3 }} {{ 2.5e-7 }} {{ 1e16 }} {{ 123456789012345680.0 }} {{ 0.1 + 0.2 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 2 ** 10 }} {{ 2 ** -1 }} {{ 7.5 % 2 }} {{ -7.5 // 2 }} {{ 1e400 }} {{ 5 - -3 }} {{ +4 }} {{ -2 ** 2 }} {{ true + 1 }} {{ 100.0 }} {{ 1e-5 }}",
    "values": "{{ none }} {{ true }} {{ [1, 'a', none, 2.0] }} {{ (1,) }} {{ {'k': [true], 2: 'it\\'s'} }} {{ undefined_thing }}| {{ ['é', '\\n', '\"\\''] }} {{ '' }}{{ [] }} {{ {} }} {{ () }}",
    "logic": "{{ 1 and 0 or 'x' }} {{ not [] }} {{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'cat' }} {{ 'k' in {'k': 1} }} {{ 3 not in [1, 2] }} {{ 1 == 1.0 }} {{ '1' == 1 }} {{ true == 1 }} {{ [1] == [1] }} {{ (1,) == [1] }} {{ none == none }} {{ x == y }} {{ 'a' < 'b' }} {{ [1, 2] < [1, 3] }} {{ 'x' if false }}|{{ 'y' if 0 else 'z' if 0 else 'w' }} {{ a is defined and a.b }}",
    "slices": "{% set l = [0, 1, 2, 3, 4] %}{{ l[1:3] }} {{ l[:-1] }} {{ l[::2] }} {{ l[::-1] }} {{ l[-2:] }} {{ l[10:] }} {{ l[3:1:-1] }} {{ 'naïve🙂'[1:-1] }} {{ 'abc'[::-1] }} {{ 'abc'[-1] }} {{ l[-1] }} {{ l[9] is defined }} {{ (1, 2, 3)[1:] }} {{ l[1] }} {{ l.2 }} {{ messages[0]['role'] }} {{ messages[-1].content[:3] }} {{ l[none:2] }}",
    "concatenation": "{{ 'a' ~ 1 ~ none ~ [2] ~ nothing ~ true }} {{ 'a' + 'b' * 3 }} {{ [1] + [2] * 2 }} {{ 2 * 'xy' }} {{ '%s is %d, %.2f%% %5s|%-5s|%05d|%r' % ('a', 7, 1.005, 'b', 'c', 42, 'q') }} {{ '%s' % 'x' }} {{ '{} {1} {n} {{}}'.replace('{1}', '') }} {{ '{} {} {n} {{x}}'.format(1, 'b', n=3) }} {{ '%s-%s'|format('a', 2) }}",
    "text filters": "{{ '  x y '|trim }}|{{ 'xxaxx'|trim('x') }}|{{ 'hello world-foo (bar'|title }}|{{ 'hELLO wORLD'|capitalize }}|{{ 'ß'|upper }}|{{ 'ÀÉ'|lower }}|{{ 'a,b,c'|replace(',', ';', 1) }}|{{ 'abc'|center(9) }}|{{ 'x'|center(4) }}|{{ 'a\\nb\\n\\nc'|indent }}|{{ 'a\\nb'|indent(2, true) }}|{{ 'a\\n\\nb'|indent('> ', blank=true) }}|{{ 'one two three four'|truncate(9) }}|{{ 'one two three'|truncate(6, true, '~', 0) }}|{{ 'a b  c'|wordcount }}|{{ 5|string ~ 'x' }}|{{ '<a b=\"c\">&\\''|e }}|{{ '<b>'|safe }}|{{ 'abc'|reverse }}|{{ 'abc'|length }}|{{ 'abc'|first }}{{ 'abc'|last }}",
    "number filters": "{{ -3|abs }} {{ (-2.5)|abs }} {{ '42'|int }} {{ '4.7'|int }} {{ 'x'|int(9) }} {{ 3.99|int }} {{ none|int }} {{ ' 7 '|int }} {{ '1.5'|float }} {{ 'x'|float }} {{ 3|float }} {{ 2.675|round(2) }} {{ 2.5|round }} {{ 3.5|round|int }} {{ 7|round }} {{ 1.21|round(1, 'ceil') }} {{ 1.29|round(1, 'floor') }} {{ [3, 1, 2]|sum }} {{ [{'n': 2}, {'n': 3}]|sum(attribute='n', start=10) }} {{ [3, 1, 2]|min }} {{ ['b', 'A']|max }} {{ 1234|round(-2) }}",
    "sequence filters": "{{ [3, 1, 2]|sort }} {{ ['b', 'A', 'c']|sort }} {{ ['b', 'A']|sort(case_sensitive=true) }} {{ [1, 2, 3]|sort(reverse=true) }} {{ messages|sort(attribute='role')|map(attribute='content')|list|length }} {{ {'b': 1, 'A': 3, 'c': 2}|dictsort }} {{ {'b': 1, 'a': 3}|dictsort(by='value', reverse=true) }} {{ [1, 1, 2, 'a', 'A']|unique|list }} {{ [1, 2, 3, 4, 5]|batch(2)|list }} {{ [1, 2, 3]|batch(2, 0)|list }} {{ [1, 2, 3, 4, 5]|slice(3)|list }} {{ [1, 2, 3, 4]|slice(3, 'x')|list }} {{ [1, 2]|join(', ') }} {{ ['a', 1, none]|join }} {{ [{'a': 1}, {'a': 2}]|join('-', attribute='a') }} {{ [1, 2]|reverse|list }} {{ 'ab'|list }} {{ {'a': 1}|list }} {{ {'a': 1, 'b': 2}|length }} {{ [1, 2]|first }} {{ []|first }}| {{ [1, 2]|last }} {{ {'x': 1}|items|list }} {% for k, v in {'x': 1}|items %}{{ k }}{{ v }}{% endfor %}",
    "selection filters": "{{ messages|selectattr('role', 'equalto', 'user')|list|length }} {{ messages|rejectattr('role', '==', 'user')|map(attribute='role')|join(',') }} {{ [0, 1, 2, '']|select|list }} {{ [1, 2, 3, 4]|select('even')|list }} {{ [1, 2, 3]|reject('odd')|list }} {{ [1, 2, 3]|select('gt', 1)|list }} {{ ['a', 'B']|map('upper')|list }} {{ [1.5, '2']|map('int')|list }} {{ [{'a': 1}, {}]|map(attribute='a', default='-')|list }} {{ [{'f': {'n': 'x'}}]|map(attribute='f.n')|first }} {{ messages|selectattr('tool_calls')|list }} {{ [[1, 2]]|map('join', '+')|list }} {{ messages|selectattr('nope', 'defined')|list }}",
    "generators are taken once": "{% set g = [1, 2]|map('string') %}{{ g|list }}{{ g|list }}{% if [] | select('odd') %}true{% endif %}{{ [1,2,3]|select('odd')|first }}",
    "default": "{{ x|default('d') }} {{ ''|default('d') }}| {{ ''|default('d', true) }} {{ none|d('n') }} {{ none|d('n', boolean=true) }} {{ x|default }}|",
    "tests": "{{ 1 is odd }} {{ 2 is even }} {{ 9 is divisibleby 3 }} {{ x is undefined }} {{ none is none }} {{ true is boolean }} {{ 1 is boolean }} {{ 1 is integer }} {{ true is integer }} {{ 1.0 is float }} {{ 1 is number }} {{ true is number }} {{ 'a' is string }} {{ {} is mapping }} {{ [] is sequence }} {{ 'a' is sequence }} {{ {} is sequence }} {{ 5 is sequence }} {{ [] is iterable }} {{ 5 is iterable }} {{ x is iterable }} {{ range is callable }} {{ 'ab' is lower }} {{ 'AB' is upper }} {{ 1 is eq 1 }} {{ 1 is sameas true }} {{ true is sameas true }} {{ 2 is in [1, 2] }} {{ 3 is gt(2) }} {{ 3 is not none }} {{ 'upper' is filter }} {{ 'odd' is test }} {{ 'no' is filter }} {{ false is false }} {{ 0 is false }} {{ 1 is true }} {{ 'a' is escaped }}",
    "text methods": "{{ ' a '.strip() }}|{{ 'xax'.strip('x') }}|{{ 'a  b c'.split() }}|{{ 'a,b,,c'.split(',') }}|{{ 'a,b,c'.split(',', 1) }}|{{ 'a,b,c'.rsplit(',', 1) }}|{{ ' a b '.split(none, 1) }}|{{ 'a\\nb\\r\\nc\\n'.splitlines() }}|{{ 'a-b-c'.partition('-') }}|{{ 'a-b-c'.rpartition('-') }}|{{ 'a'.partition('-') }}|{{ ', '.join(['x', 'y']) }}|{{ 'aXbX'.replace('X', '-', 1) }}|{{ 'abc'.startswith('ab') }}{{ 'abc'.startswith(('x', 'a')) }}{{ 'abc'.endswith('c') }}|{{ 'abcb'.find('b') }}{{ 'abcb'.rfind('b') }}{{ 'abc'.find('z') }}{{ 'abcb'.find('b', 2) }}|{{ 'banana'.count('an') }}|{{ 'abc'.upper() }}{{ 'ABC'.lower() }}{{ 'hello wOrld'.title() }}{{ 'hELLO'.capitalize() }}{{ 'aB'.swapcase() }}|{{ '7'.zfill(3) }}{{ '-7'.zfill(4) }}{{ 'a'.ljust(3) }}|{{ 'a'.rjust(3, '.') }}{{ 'ab'.center(5, '*') }}|{{ '12'.isdigit() }}{{ 'a1'.isalnum() }}{{ 'ab'.isalpha() }}{{ ' '.isspace() }}{{ 'A'.isupper() }}{{ ''.isdigit() }}|{{ 'abc'.removeprefix('a') }}{{ 'abc'.removesuffix('c') }}|{{ 'abc'.index('c') }}|{{ 'x'.lstrip('x') }}{{ 'xyx'.rstrip('x') }}",
    "collection methods": "{{ {'a': 1}.get('a') }}{{ {}.get('x') }}{{ {}.get('x', 5) }} {{ {'a': 1, 'b': 2}.keys()|list }} {{ {'a': 1}.values()|list }} {{ {'a': 1}.items()|list }} {{ [1, 2, 1].count(1) }} {{ [1, 2].index(2) }} {% for k, v in messages[0].items() %}{{ k }}={{ v|length }};{% endfor %} {{ dict(a=1, b=[2]) }} {{ dict([('x', 1)], y=2) }}",
    "json": "{{ messages[0]|tojson }} {{ tools|tojson }} {{ {'a': [1, 2.0, true, none, 'é<>&\\'\"\\n\\u0007'], 'b': {}, 'c': []}|tojson(indent=2) }} {{ {'b': 1, 'a': 'é🙂'}|tojson(ensure_ascii=true, sort_keys=true) }} {{ [1, {'a': 2}]|tojson(separators=(',', ':')) }} {{ 'x/y'|tojson }} {{ {1: 2, none: 3, true: 4}|tojson }} {{ (1, 'a')|tojson }} {{ 1e100|tojson }} {{ tools|tojson(4) }}",
    "range": "{{ range(3)|list }} {{ range(1, 4)|list }} {{ range(5, 0, -2)|list }} {% for i in range(messages|length) %}{{ i }}{% endfor %}",
    "call arguments": "{% macro f(a, b=2, c=3) %}{{ a }}{{ b }}{{ c }}{% endmacro %}{{ f(*[1, 9]) }} {{ f(**{'a': 5, 'c': 6}) }} {{ f(1, c=4,) }}",
    "postfix chains": "{{ messages[1]['content'].split('\\n')[0].upper()[:4]|lower ~ '!' }} {{ {'a': {'b': [10, 20]}}.a.b[1] }} {{ (1, 2)[0] }} {{ 'a-b'.split('-')|last|upper }} {{ -1|abs }} {{ (1 if true else 2) + 3 }} {{ [1, 2][0] + 1 }} {{ not true or true }} {{ (1 + 2) ~ 3 * 2 }}",
    "generation": "{% for m in messages %}{{ m.role }}: {% if m.role == 'assistant' %}{% generation %}ü{{ m.content }}{% set gone = 1 %}\n{% endgeneration %}{{ gone is defined }}{% endif %}\n{% endfor %}",
    "strftime": "{{ strftime_now('%Y-%m-%d %H:%M:%S %d %b %Y %A %a %B %j %y %I %p %U %e %%') }}|{{ strftime_now('') }}|",
    "line breaks": "a\r\nb\r{% if true %}\r\nc{% endif %}\r\n\n",
    "python text": "{{ [1.0, 1e22, 1e21, 123456.789, 1e15, 9007199254740993.0, 0.0001, 1.0e-4, 5e-324, -0.0] }} {{ ['tab\\t', 'nul\\u0000', '\\u00a0', '\\u200b', 'back\\\\'] }}",
    # What fails in transformers must fail here.
    "error: raise": "{{ raise_exception('no') }}",
    "error: undefined attribute": "{{ x.y }}",
    "error: undefined sum": "{{ 'a' + x }}",
    "error: types": "{{ 'a' + 1 }}",
    "error: call": "{{ 'a'() }}",
    "error: zero": "{{ 1 // 0 }}",
    "error: syntax": "{% if %}{% endif %}",
    "error: unclosed": "{% for m in messages %}",
    "error: unknown tag": "{% foo %}",
    "error: brackets": "{{ (1 }}",
    "error: unknown filter": "{{ 1|nofilter }}",
    "error: unknown test": "{{ 1 is notest }}",
    "error: changes": "{{ messages.append(1) }}",
    "error: dict changes": "{{ messages[0].update({}) }}",
    "error: generator has no length": "{{ [1]|select|length }}",
    "error: unpack": "{% set a, b = [1] %}",
    "error: json of nothing": "{{ x|tojson }}",
    "error: order": "{{ 1 < 'a' }}",
    "error: not iterable": "{% for x in 5 %}{% endfor %}",
    "error: namespace": "{% set messages.x = 1 %}",
    "error: macro arguments": "{% macro f() %}{% endmacro %}{{ f(x=1) }}",
    "error: range": "{{ range(1000000)|length }}",
    "error: include": "{% include 'x' %}",
    "error: string": "{{ 'abc }}",
}

def run(template, talk, tools, prompt):
    context = dict(tools=tools, add_generation_prompt=prompt, **SPECIAL)
    row = dict(conversation=talk, tools=tools is not None, add_generation_prompt=prompt)
    try:
        compiled = utils._compile_jinja_template(template)
        # What apply_chat_template does before it renders.
        messages = [{k: v for k, v in m.items() if v is not None} for m in TALKS[talk]]
        text, spans = utils.render_jinja_template([messages], chat_template=template, return_assistant_tokens_mask=True, **context)
        offsets = [len(text[0][:n].encode()) for s in spans[0] for n in s]
        row.update(rendered=text[0], generations=[list(s) for s in zip(offsets[::2], offsets[1::2]) if s[0] < s[1]])
    except Exception as error:
        row.update(error=str(error)[:120])
    return row

cases = []
if a.templates:
    named = {str(f.relative_to(a.templates)): f.read_text() for f in sorted(pathlib.Path(a.templates).rglob("*.jinja"))}
else:
    named = FAMILIES
for name, template in named.items():
    runs = [run(template, talk, TOOLS if talk == "tool" or with_tools else None, prompt) for talk in TALKS for with_tools in (False, True) for prompt in (False, True)
            if a.templates or not with_tools or talk == "one"]
    cases.append(dict(name=name, template=template, runs=runs))
if not a.templates:
    for name, template in CONSTRUCTS.items():
        row = run(template, "answered", TOOLS, False)
        assert ("error" in row) == name.startswith("error:"), (name, row)
        cases.append(dict(name=name, template=template, runs=[row]))
out = dict(date=DATE, special_tokens=SPECIAL, tools=TOOLS, conversations=TALKS, cases=cases)
pathlib.Path(a.out).write_text(json.dumps(out, ensure_ascii=False, indent=1) + "\n")
print(len(cases), "templates,", sum(len(c["runs"]) for c in cases), "renderings,", sum("error" in r for c in cases for r in c["runs"]), "errors")
