import ChatTemplates
import Failures
import JSON
import Testing

private func check(_ run: TemplateGoldens.Run) {
  do throws(Failure) {
    let result = try ChatTemplate(run.template, name: "t.jinja").render(
      run.messages, tools: run.tools, run.context)
    guard let rendered = run.rendered else {
      Issue.record("transformers fails, here it renders \(result.text.debugDescription)")
      return
    }
    #expect(
      result.text.utf8.elementsEqual(rendered.utf8),
      "\(result.text.debugDescription) ≠ \(rendered.debugDescription)")
    #expect(result.generations == run.generations)
  } catch {
    #expect(run.rendered == nil, "\(error)")
    #expect(error.kind == .badData && error.message.hasPrefix("t.jinja:"))
  }
}

@Test(arguments: try TemplateGoldens.fixture.runs)
func everyTemplateRendersAsInTransformers(_ run: TemplateGoldens.Run) { check(run) }

@Test(.enabled(if: try TemplateGoldens.outside != nil))
func realTemplatesRenderAsInTransformers() throws {
  for run in try #require(try TemplateGoldens.outside).runs { check(run) }
}

private func message(_ template: String, _ context: ChatTemplate.Context = .init()) -> String {
  do throws(Failure) {
    _ = try ChatTemplate(template, name: "t.jinja").render([["role": "user", "content": "Hi"]], context)
    return "rendered"
  } catch { return error.hint.map { "\(error.message) (\($0))" } ?? error.message }
}

@Test func failuresNameTheLine() {
  #expect(message("a\n{% if x %}\nb") == "t.jinja:3: 'if' of line 2 is not closed with 'endif'")
  #expect(message("{# a\n") == "t.jinja:1: the comment is not closed with '#}'")
  #expect(message("\n\n{{ 'a' ") == "t.jinja:3: the tag is not closed with '}}'")
  #expect(
    message("{% for m in messages %}\n{% endif %}")
      == "t.jinja:2: unknown tag 'endif' (inside 'for' of line 1)")
  #expect(message("{% include 'x' %}") == "t.jinja:1: the tag 'include' is not supported in chat templates")
  #expect(message("\n{{ 1|urlize }}") == "t.jinja:2: the filter 'urlize' is not supported")
  #expect(message("{{ 1 is nice }}") == "t.jinja:1: the test 'nice' is not supported")
  #expect(message("{{ 'a' ! }}") == "t.jinja:1: unexpected character '!'")
  #expect(message("{{ (1] }}") == "t.jinja:1: unexpected ']', expected ')'")
  #expect(message("{{ }}") == "t.jinja:1: expected an expression, found '}}'")
  #expect(message("{% set none = 1 %}") == "t.jinja:1: cannot assign to 'none'")
  #expect(message("a\n\n{{ messages[0].nope.more }}") == "t.jinja:3: 'dict object' has no attribute 'nope'")
  #expect(message("{{ nothing() }}") == "t.jinja:1: 'nothing' is undefined")
  #expect(
    message("\n{{ raise_exception('roles must alternate') }}")
      == "t.jinja:2: the template refuses the conversation: roles must alternate")
  #expect(message("{{ messages.append(1) }}") == "t.jinja:1: a template must not change a list ('append')")
  #expect(
    message("{% macro f() %}{% generation %}x{% endgeneration %}{% endmacro %}{{ f() }}")
      == "t.jinja:1: a generation block inside a macro or a captured text is not supported")
}

@Test func theDayIsGivenAndNeverAskedOfTheClock() {
  #expect(
    message("{{ strftime_now('%Y') }}")
      == "t.jinja:1: 'strftime_now' is undefined (the template writes the day into its text; say which with --template-date)"
  )
  #expect(
    message("{{ '26 Jul 2024' if strftime_now is not defined else raise_exception('x') }}") == "rendered")
  #expect(CivilTime(rawValue: "2025-02-28") != nil)
  for wrong in ["2025-02-29", "2025-13-01", "25-01-01", "2025-1-1", "today", "", "2025-01-01-", "+025-01-01"]
  {
    #expect(CivilTime(rawValue: wrong) == nil)
  }
}

@Test func messagesComeToTheTemplateAsTransformersHandsThemOver() throws {
  let template = try ChatTemplate(
    "{% for m in messages %}{{ m }}\n{% endfor %}{{ tools }}{{ documents }}", name: "t.jinja")
  let rendered = try template.render([
    ["role": "assistant", "content": nil, "thinking": "hm"],
    ["role": "user", "content": "x", "reasoning": nil],
  ])
  #expect(
    rendered.text
      == "{'thinking': 'hm', 'role': 'assistant', 'reasoning_content': 'hm'}\n{'role': 'user', 'content': 'x'}\nNoneNone"
  )
}
