import ChatTemplates
import Failures
import JSON
import TestSupport
import Testing

private func failure(of template: String) -> String? {
  var context = ChatTemplate.Context()
  context.steps = 1_000_000
  do throws(Failure) {
    _ = try ChatTemplate(template, name: "t.jinja").render([["role": "user", "content": "Hi"]], context)
    return nil
  } catch { return error.message }
}

@Test(arguments: [
  "{% for a in range(99999) %}{% for b in range(99999) %}{% for c in range(99999) %}{% endfor %}{% endfor %}{% endfor %}",
  "{% set x = 'aaaaaaaaaaaaaaaa' %}{% set ns = namespace(x=x) %}{% for i in range(60) %}{% set ns.x = ns.x ~ ns.x %}{% endfor %}",
  "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = [ns.x, ns.x] %}{% endfor %}{{ ns.x }}",
  "{% set ns = namespace(x=[1]) %}{% for i in range(60) %}{% set ns.x = ns.x + ns.x %}{% endfor %}",
  "{{ 'a' * 99999999999 }}", "{{ [0] * 99999999 }}", "{{ 'a'|center(99999999999) }}",
  "{{ 'a'.ljust(999999999) }}",
  "{{ range(99999)|map('string')|join('a' * 1000000) }}", "{{ ('a\n' * 99999)|indent(99999) }}",
  "{{ 9 ** 99 }}",
  "{{ 9223372036854775807 + 1 }}", "{{ range(99999999) }}", "{{ [1]|batch(99999999999, 0)|list }}",
  "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}",
  "{% for x in [[1]] recursive %}{{ loop([[1]]) }}{% endfor %}", "{{ '%1000000s' % 'x' }}",
  "{% set b = 'a' * 9000000 %}{% for i in range(99999) %}{% if b in b %}{% endif %}{% endfor %}",
  "{% for i in range(99999) %}{% set b = 'a' * 9000000 %}{% endfor %}",
])
func aTemplateThatWouldNotEndFails(_ template: String) {
  #expect(failure(of: template)?.hasPrefix("t.jinja:1: ") == true)
}

@Test func deepAndLongSyntaxIsRefused() {
  let repeated = { (text: String) in String(repeating: text, count: 20_000) }
  for template in [
    "{{ \(repeated("(")) }}", "{{ \(repeated("[")) }}", "{{ \(repeated("not ")) 1 }}",
    "{{ \(repeated("-")) 1 }}",
    "{{ 1 \(repeated("+ 1")) }}", "{{ a\(repeated(".b")) }}", "{{ a\(repeated("|list")) }}",
    "{{ a\(repeated("()")) }}", "{{ 1 \(repeated("if 1 else 1 ")) }}", repeated("{% if 1 %}"),
    repeated("{% for a in b %}"), "{{ 1 \(repeated("or 1 ")) }}", "{% set \(repeated("(")) %}",
    "{{ x \(repeated("is defined "))}}", String(repeating: "a", count: 2_000_000),
  ] { #expect(failure(of: template)?.hasPrefix("t.jinja:1: ") == true) }
  // Long without being deep is fine.
  #expect(failure(of: "{{ [\(repeated("1,"))]|length }}\(repeated("{{ 1 }}"))") == nil)
}

@Test func searchesTakeLinearTime() {
  let template =
    "{{ ('a' * 400000 ~ 'b')|replace('a' * 200000 ~ 'b', 'c')|length }}{{ ('ab' * 99999).split('ab')|length }}"
  #expect(failure(of: template) == nil)
}

/// Every mutation of a template is refused with its line, or renders or fails within its limits.
@Test func mutatedTemplatesNeverTrap() throws {
  var random = SeededGenerator(state: 5)
  let templates = Array(Set(try TemplateGoldens.fixture.runs.map(\.template))).sorted()
  let messages = try #require(
    try TemplateGoldens.fixture.runs.first { $0.testDescription.hasPrefix("llama3, tool") })
  for _ in 0..<4000 {
    let bytes = mutated(Array(try #require(templates.randomElement(using: &random)).utf8), using: &random)
    do throws(Failure) {
      _ = try ChatTemplate(String(decoding: bytes, as: UTF8.self), name: "t.jinja").render(
        messages.messages, tools: messages.tools, messages.context)
    } catch {
      #expect(error.kind == .badData && error.message.contains(#/^t\.jinja:\d+: /#))
    }
  }
}
