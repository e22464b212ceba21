import ArgumentParser
import ChatTemplates
import Datasets
import Failures
import ModelArtifacts
import StageSupport

extension CivilTime: ExpressibleByArgument, ParameterValue {}

/// The options for rows that are conversations.
struct ChatArguments: ParsableArguments {
  @Option(
    help: "A Jinja file that writes conversations, in place of the base's own chat template.", completion: .file())
  var chatTemplate: String?

  @Option(help: "What stands in front of conversations without a system message.")
  var systemPrompt: String?

  @Flag(help: "Of conversations learn only the last answer, not all.")
  var maskHistory = false

  @Option(
    help: """
      The day, as 2025-07-31, for chat templates that write it. Without it they write the one of their own, if they have \
      one.
      """)
  var templateDate: CivilTime?

  var options: ChatOptions {
    get throws(Failure) {
      var options = ChatOptions()
      if let chatTemplate { try options.readTemplate(file: chatTemplate) }
      options.systemPrompt = systemPrompt
      options.masksHistory = maskHistory
      options.date = templateDate
      return options
    }
  }
}
