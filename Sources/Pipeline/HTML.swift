import JSON

/// The words of a page.
package enum HTML {
  /// Words as they are written between tags.
  package static func text(_ text: String) -> String {
    var result = ""
    for scalar in text.unicodeScalars {
      switch scalar {
      case "&": result += "&amp;"
      case "<": result += "&lt;"
      case ">": result += "&gt;"
      case "\"": result += "&quot;"
      default: result.unicodeScalars.append(scalar)
      }
    }
    return result
  }

  /// Four decimals at most.
  static func number(_ value: Double) -> String {
    JSON.number((value * 1e4).rounded() / 1e4).text()
  }

  /// A page that needs nothing but itself.
  package static func page(title: String, body: String) -> String {
    """
    <!DOCTYPE html>
    <html lang="en"><head><meta charset="utf-8"><title>\(text(title))</title>
    <meta name="viewport" content="width=device-width">
    <style>\(style)</style></head>
    <body>\(body)</body></html>

    """
  }

  private static let style = """
    :root { color-scheme: light dark; --line: #8884; --ink: #222 }
    @media (prefers-color-scheme: dark) { :root { --ink: #ddd } }
    body { font: 15px/1.5 system-ui, sans-serif; max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink) }
    h1 { font-size: 1.5rem } h2 { font-size: 1.15rem; margin-top: 2rem } h3 { font-size: 1rem; font-weight: 500 }
    table { border-collapse: collapse; font-variant-numeric: tabular-nums }
    th, td { padding: .25rem .8rem; text-align: right; border-bottom: 1px solid var(--line) }
    th:nth-child(-n+2), td:nth-child(-n+2) { text-align: left }
    svg { width: 100%; height: auto; font-size: 12px } svg text { fill: var(--ink) }
    svg .grid { stroke: var(--line) }
    """
}
