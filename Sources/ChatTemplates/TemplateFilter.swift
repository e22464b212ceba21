/// A filter of a template: `value | name(arguments)`. Of Jinja's, those that make sense for chats and not only for web
/// pages.
enum TemplateFilter: String {
  case string, safe, e, escape, upper, lower, capitalize, title, trim, replace, center, format, indent,
    truncate
  case wordcount
  case `default`, d, abs, int, float, round
  case length, count, list, items, first, last, reverse, join, batch, slice
  case sort, dictsort, unique, min, max, sum
  case map, attr, select, reject, selectattr, rejectattr
  case tojson

  func apply(to value: TemplateValue, _ arguments: TemplateArguments) throws(TemplateError) -> TemplateValue {
    if self == .tojson { return .string(try JSONText(arguments).text(of: value)) }
    if let result = try text(value, arguments) { return result }
    if let result = try number(value, arguments) { return result }
    if let result = try sequence(value, arguments) { return result }
    if let result = try ordered(value, arguments) { return result }
    if let result = try selection(value, arguments) { return result }
    throw TemplateError("the filter '\(rawValue)' is not supported")
  }
}
