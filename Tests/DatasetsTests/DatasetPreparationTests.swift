import Datasets
import Failures
import JSON
import Testing

private func supervised(_ row: TokenRow) -> [Int32] { zip(row.ids, row.supervised).filter(\.1).map(\.0) }

@Test func aTextIsOneBOSTheTextAndOneEOS() throws {
  let prepared = try Prepared(#"{"text":"xy"}"#)
  #expect(
    prepared.train == [TokenRow(ids: [0, id("x"), id("y"), 1], supervised: [false, true, true, true])])
  #expect(prepared.validation.isEmpty)
  #expect(prepared.summary.train.json["supervised_tokens"] == 3)
  #expect(prepared.summary.sourceRows == [1])
}

@Test func specialTokensThatTheTextHasAreNotDoubled() throws {
  let prepared = try Prepared(#"{"text":"<s>xy</s>"}"#)
  #expect(prepared.train.map(\.ids) == [[0, id("x"), id("y"), 1]])
  #expect(prepared.train[0].supervised == [false, true, true, true])
}

@Test func aTokenizerWithoutBOSGivesRowsWithoutOne() throws {
  let configuration = #"{"bos_token":"<s>","eos_token":"</s>","add_bos_token":false}"#
  let prepared = try Prepared(#"{"text":"xy"}"#, configuration: configuration)
  #expect(prepared.train == [TokenRow(ids: [id("x"), id("y"), 1], supervised: [false, true, true])])
}

@Test func theAnswerAndItsEOSAreLearnedAndThePromptIsNot() throws {
  let data = #"{"instruction":"Do.","input":"","output":"ok"}"#
  let prepared = try Prepared(data)
  #expect(supervised(prepared.train[0]) == [id("o"), id("k"), 1])
  let preview = prepared.summary.preview[0]
  #expect(preview.stretches.map(\.text) == ["<s>### Instruction:\nDo.\n\n### Response:\n", "ok</s>"])
  #expect(preview.stretches.map(\.isSupervised) == [false, true])
  let all = try Prepared(data) { $0.trainsOnInputs = true }
  #expect(all.train[0].supervised == prepared.train[0].ids.indices.map { $0 > 0 })
}

@Test func targetsAreFoundByPlaceAndNotById() throws {
  // The answer is the prompt's own words, and holds the end token as text.
  let data = #"{"instruction":"ok </s>","output":"ok </s>!"}"#
  let prepared = try Prepared(data)
  #expect(supervised(prepared.train[0]) == [id("o"), id("k"), id(" "), 1, id("!"), 1])
}

@Test func aTokenAcrossTheBoundaryIsNotLearnedAndReported() throws {
  // The newline that ends the prompt and the answer's first letter are one token.
  let prepared = try Prepared(#"{"instruction":"Do.","output":"cd"}"#)
  #expect(supervised(prepared.train[0]) == [id("d"), 1])
  #expect(
    prepared.summary.warnings
      == [
        "in 1 rows a token reaches from the prompt into the answer; it is not learned, and a model that is asked never sees the "
          + "prompt so: a space at the end of the prompt belongs to the beginning of the answer"
      ])
}

@Test func promptsReadAsTheirStyleSays() throws {
  let alpaca = try Prepared(#"{"instruction":"I","input":"X","output":"O"}"#) { $0.promptStyle = .alpaca }
  #expect(
    alpaca.summary.preview[0].stretches[0].text
      == "<s>Below is an instruction that describes a task, paired with an input that provides further context. "
      + "Write a response that appropriately completes the request.\n\n"
      + "### Instruction:\nI\n\n### Input:\nX\n\n### Response:\n")
  #expect(
    try PromptStyle.alpaca.template.prompt(instruction: "I", input: "")
      == "Below is an instruction that describes a task. "
      + "Write a response that appropriately completes the request.\n\n### Instruction:\nI\n\n### Response:\n"
  )
  #expect(
    try PromptStyle.plain.template.prompt(instruction: "I", input: "X")
      == "### Instruction:\nI\n\n### Input:\nX\n\n### Response:\n")
}

@Test func longRowsAreCutWithoutEOSAndRowsWithoutTargetsAreLeftOut() throws {
  let data = #"""
    {"text":"uvwxy"}
    {"text":"xy"}
    {"text":""}
    """#
  let prepared = try Prepared(data) { $0.cutoffLength = 4 }
  #expect(prepared.train.map(\.ids) == [[0, id("u"), id("v"), id("w")], [0, id("x"), id("y"), 1]])
  let counts: JSONObject = [
    "rows": 2, "tokens": 8, "supervised_tokens": 6, "truncated_rows": 1, "dropped_rows": 1, "longest_row": 4,
    "dropped": ["empty": 1], "length_histogram": [["at_most": 4, "rows": 2]],
  ]
  #expect(prepared.summary.train.json == counts)
  // Only the end token does not fit.
  let exact = try Prepared(#"{"text":"xyz"}"#) { $0.cutoffLength = 4 }
  #expect(exact.train.map(\.ids) == [[0, id("x"), id("y"), id("z")]])
  #expect(exact.summary.train.truncatedRows == 1)
  let open = try Prepared(#"{"text":"xyz"}"#) { ($0.cutoffLength, $0.addsEOS) = (4, false) }
  #expect((open.train.map(\.ids) == exact.train.map(\.ids)) && open.summary.train.truncatedRows == 0)
}

@Test func tokenRowsAreTakenAsTheyAre() throws {
  let data = #"""
    {"input_ids":[5,6,7]}
    {"input_ids":[5,6,7,8],"labels":[-100,-100,7,8]}
    {"input_ids":[5,6],"labels":[5,-100]}
    """#
  let prepared = try Prepared(data, tokenizer: nil, vocabularySize: 9) { $0.cutoffLength = 3 }
  #expect(prepared.summary.form == .tokens)
  #expect(
    prepared.train == [
      TokenRow(ids: [5, 6, 7], supervised: [false, true, true]),
      TokenRow(ids: [5, 6, 7], supervised: [false, false, true]),
    ])
  #expect((prepared.summary.train.truncatedRows, prepared.summary.train.droppedRows) == (1, 1))
  #expect(prepared.summary.preview[0].stretches.map(\.text) == ["5", " 6 7"])
}

@Test func paddingIsNoPartOfARow() throws {
  let padded = #"""
    {"input_ids":[0,0,5,6,7],"attention_mask":[0,0,1,1,1]}
    {"input_ids":[5,6,7,2],"labels":[-100,6,7,2],"attention_mask":[1,1,1,0]}
    {"input_ids":[2,5,6,7],"labels":[2,5,6,-100],"attention_mask":[false,true,true,true]}
    """#
  let plain = #"""
    {"input_ids":[5,6,7]}
    {"input_ids":[5,6,7],"labels":[-100,6,7]}
    {"input_ids":[5,6,7],"labels":[5,6,-100]}
    """#
  let prepare = { (data: String) in try Prepared(data, tokenizer: nil, vocabularySize: 9) }
  #expect(try prepare(padded).train == prepare(plain).train)
  #expect(try prepare(padded).train.map(\.supervised) == [[false, true, true], [false, true, true], [false, true, false]])
}

@Test func validationRowsAreChosenBySeedAndKeepTheirOrder() throws {
  let data = (0..<20).map { "{\"text\":\"row \($0)\"}" }.joined(separator: "\n")
  let prepare = { (seed: Int, size: DatasetOptions.ValidationSize) in
    try Prepared(data) { ($0.seed, $0.validationSize) = (seed, size) }
  }
  let first = try prepare(1, .rows(5))
  #expect((first.train.count, first.validation.count) == (15, 5))
  #expect(try prepare(2, .rows(5)).validation != first.validation)
  let whole = try Prepared(data).train
  #expect(first.validation == whole.filter(first.validation.contains))
  #expect(first.train == whole.filter { !first.validation.contains($0) })
}

@Test func rowsKeepTheirSideWhenOthersAreAdded() throws {
  let rows = (0..<400).map { "{\"text\":\"row \($0)\"}" }
  let prepare = { (count: Int, size: DatasetOptions.ValidationSize) in
    try Prepared(rows.prefix(count).joined(separator: "\n")) { $0.validationSize = size }
  }
  let (few, many) = (try prepare(200, .fraction(0.25)), try prepare(400, .fraction(0.25)))
  #expect((30...70).contains(few.validation.count))
  #expect(many.train.starts(with: few.train) && many.validation.starts(with: few.validation))
  // A number of rows keeps training rows what they are.
  let (before, after) = (try prepare(200, .rows(20)), try prepare(400, .rows(20)))
  #expect(after.validation.count == 20 && after.train.starts(with: before.train.prefix(1)))
  #expect(before.train.allSatisfy { !after.validation.contains($0) })
  // Equal rows are on the same side, so that none is learned and asked for.
  let doubled = try Prepared((rows.prefix(50) + rows.prefix(50)).joined(separator: "\n")) { $0.validationSize = .fraction(0.3) }
  #expect(doubled.validation.allSatisfy { !doubled.train.contains($0) } && !doubled.validation.isEmpty)
}

@Test func aShareThatGivesNothingIsAWarning() throws {
  let prepared = try Prepared(#"{"text":"x"}"#) { $0.validationSize = .fraction(0.0001) }
  #expect(prepared.summary.warnings == ["none of 1 rows fell to validation: the share is too small for so few"])
}

@Test func namesSayWhatRowsAreFor() throws {
  let files = [("train-0.jsonl", "{\"text\":\"x\"}"), ("dev.csv", "text,n\ny,1"), ("roman.test.jsonl", "{\"text\":\"z\"}")]
  let prepared = try Prepared(files: files)
  #expect(prepared.train.map(\.ids) == [[0, id("x"), 1]] && prepared.validation.map(\.ids) == [[0, id("y"), 1]])
  #expect(prepared.test.map(\.ids) == [[0, id("z"), 1]] && prepared.summary.sourceRows == [1, 1, 1])
  // One file is for training whatever it is called, and so are several that would all be for something else.
  #expect(try Prepared("{\"text\":\"x\"}", name: "test.jsonl").train.count == 1)
  #expect(try Prepared(files: [files[2], ("test2.jsonl", files[2].1)]).train.count == 2)
  #expect(
    message { try Prepared(files: files) { $0.validationSize = .rows(1) } }
      .hasPrefix("usage: validation rows come from files whose names say so"))
  #expect(message { try Prepared(files: files, validation: "{}") }.hasPrefix("usage: the data has files of validation rows"))
}

@Test func splitsHaveManyNames() {
  let expected: [(String, DatasetSplit?)] = [
    ("a/train-00000-of-00002.parquet", .train), ("valid.jsonl", .validation), ("x_val.json", .validation),
    ("eval.csv", .test), ("data/validation/0.parquet", .validation), ("latest.jsonl", nil), ("trainer.txt", nil),
    ("test/training.txt", .train),
  ]
  for (path, split) in expected { #expect(DatasetSplit(path: path) == split, "\(path)") }
}

@Test func longRowsAreDroppedOrAnErrorOnRequest() throws {
  let data = "{\"text\":\"uvwxy\"}\n{\"text\":\"xy\"}"
  let dropped = try Prepared(data) { ($0.cutoffLength, $0.truncation) = (4, .drop) }
  #expect(dropped.train.map(\.ids) == [[0, id("x"), id("y"), 1]] && dropped.summary.train.dropped == [.tooLong: 1])
  #expect(
    message { try Prepared(data) { ($0.cutoffLength, $0.truncation) = (4, .error) } }
      == "data.jsonl:1: the row has 7 tokens, more than the 4 of --cutoff-len")
}

@Test func longTextsBecomeSeveralRowsThatHoldEveryToken() throws {
  let split = { (options: inout DatasetOptions) in (options.cutoffLength, options.splitsLongTexts) = (4, true) }
  let withBOS = try Prepared(#"{"text":"uvwxyz"}"#, options: split)
  #expect(withBOS.train.map(\.ids) == [[0, id("u"), id("v"), id("w")], [0, id("x"), id("y"), id("z")], [0, 1]])
  #expect(withBOS.train.flatMap { supervised($0) } == "uvwxyz".unicodeScalars.map(id) + [1])
  let without = #"{"bos_token":"<s>","eos_token":"</s>","add_bos_token":false}"#
  let overlapping = try Prepared(#"{"text":"uvwxyz"}"#, configuration: without, options: split)
  #expect(overlapping.train.map(\.ids) == [[id("u"), id("v"), id("w"), id("x")], [id("x"), id("y"), id("z"), 1]])
  #expect(overlapping.train.flatMap { supervised($0) } == "vwxyz".unicodeScalars.map(id) + [1])
  #expect(overlapping.summary.train.truncatedRows == 0 && overlapping.summary.sourceRows == [1])
  // Pieces of one text stay together.
  let texts = (0..<40).map { "{\"text\":\"\($0) is a long text\"}" }.joined(separator: "\n")
  let chosen = try Prepared(texts) { ($0.cutoffLength, $0.splitsLongTexts, $0.validationSize) = (8, true, .rows(5)) }
  #expect(chosen.validation.count { $0.ids.last == 1 } == 5)
}

@Test func duplicatesAreLeftOutOnRequest() throws {
  let data = ["x", "y", "x"].map { "{\"instruction\":\"\($0)\",\"output\":\"o\"}" }.joined(separator: "\n")
  #expect(try Prepared(data).train.count == 3)
  let other = data.replacing("\"x\"", with: "\"z\"")
  let unique = try Prepared(data, validation: other) { $0.dropsDuplicates = true }
  #expect(unique.train.count == 2 && unique.summary.train.dropped == [.duplicate: 1])
  // "y" is a training row, and the second "z" said before.
  #expect(unique.validation.count == 1 && unique.summary.validation.dropped == [.duplicate: 2])
}

@Test func rowsWithTooLittleToLearnAreLeftOut() throws {
  let prepared = try Prepared("{\"text\":\"x\"}\n{\"text\":\"xyz\"}") { $0.minimumSupervisedTokens = 3 }
  #expect(prepared.train.count == 1 && prepared.summary.train.dropped == [.tooFewTargets: 1])
}

@Test func aTemplateOfOnesOwnIsUsed() throws {
  let template = try PromptTemplate(Array("Q: {instruction} ({input}) {x}\nA:".utf8), file: "t.txt")
  let data = #"{"instruction":"{input}","input":"b","output":"c"}"#
  let prepared = try Prepared(data) { $0.promptTemplate = template }
  #expect(prepared.summary.preview[0].stretches[0].text == "<s>Q: {input} (b) {x}\nA:")
  let pair = #"{"prompt_input":"{instruction}|{input}>","prompt_no_input":"{instruction}>"}"#
  let json = try PromptTemplate(Array(pair.utf8), file: "t.json")
  #expect(try json.prompt(instruction: "i", input: "") == "i>")
  #expect(try json.prompt(instruction: "i", input: "x") == "i|x>")
  #expect(message { try PromptTemplate(Array("none".utf8), file: "t.txt") } == "t.txt: the template has no {instruction}")
  #expect(
    message { try PromptTemplate(Array(#" {"prompt_input":"{instruction}"#.utf8), file: "t.json") }
      .hasPrefix("t.json:1:18: not valid JSON"))
  let bare = try PromptTemplate(Array("{instruction}:".utf8), file: "t.txt")
  #expect(
    message { try Prepared(data) { $0.promptTemplate = bare } }
      == "data.jsonl:1: there is an input, for which the template has no {input}")
}

@Test func stylesOfSpecialTokensNeedThem() throws {
  #expect(
    try PromptStyle.chatml.template.prompt(instruction: "I", input: "X")
      == "<|im_start|>user\nI\n\nX<|im_end|>\n<|im_start|>assistant\n")
  #expect(
    message { try Prepared(#"{"instruction":"I","output":"O"}"#) { $0.promptStyle = .llama3 } }
      == "the tokenizer has no token '<|start_header_id|>', which the prompt style 'llama3' is made of")
}

@Test func aFileOfItsOwnGivesTheValidationRows() throws {
  let prepared = try Prepared(#"{"text":"x"}"#, validation: "{\"text\":\"y\"}\n{\"text\":\"z\"}")
  #expect(prepared.validation.map(\.ids) == [[0, id("y"), 1], [0, id("z"), 1]])
  #expect(prepared.summary.sourceRows == [1, 2])
}

@Test func theSameInputsGiveTheSameBytes() throws {
  let (first, second) = (try Workplace(), try Workplace())
  let data = (0..<50).map { "{\"instruction\":\"\($0)\",\"output\":\"\($0 * $0)\"}" }.joined(separator: "\n")
  for workplace in [first, second] { _ = try Prepared(data, in: workplace) { $0.validationSize = .rows(7) } }
  for file in ["train.safetensors", "validation.safetensors"] {
    #expect(try first.bytes(file) == second.bytes(file))
  }
}

@Test func theRecipeNamesEveryOption() {
  var options = DatasetOptions()
  options.validationSize = .fraction(0.5)
  let recipe: JSONObject = [
    "field": [:], "prompt_style": "alpaca", "prompt_template": nil, "cutoff_len": 512, "truncation": "cut",
    "split_long_texts": false, "deduplicate": false, "min_supervised_tokens": 1, "train_on_inputs": false,
    "add_eos": true,
    "chat_template": nil, "system_prompt": nil, "mask_history": false, "template_date": nil, "text_separator": nil,
    "val_set_size": 0.5, "seed": 0,
  ]
  #expect(options.recipe == recipe)
}

@Test func progressIsReportedAndCanEndTheWork() throws {
  let workplace = try Workplace()
  let data = (0..<2600).map { "{\"input_ids\":[1,\($0)]}" }.joined(separator: "\n")
  let path = try workplace.write(data, to: "data.jsonl")
  let preparation = try DatasetPreparation(DatasetOptions(), tokenizer: nil, vocabularySize: 2600)
  var rows: [Int] = []
  let run = { (stop: Bool) in
    try preparation.run(
      data: [path], output: { workplace.path($0.rawValue) }
    ) { progress throws(Failure) in
      rows.append(progress.rows)
      #expect(progress.bytes <= progress.totalBytes && progress.totalBytes == data.utf8.count)
      if stop { throw Failure(.interrupted, "stopped") }
    }
  }
  _ = try run(false)
  #expect(rows == Array(stride(from: 256, through: 2560, by: 256)) + [2600])
  #expect(message { try run(true) } == "interrupted: stopped")
}

@Test func ofSeveralMistakesTheFirstIsNamed() throws {
  let workplace = try Workplace()
  let preparation = try DatasetPreparation(DatasetOptions(), tokenizer: nil, vocabularySize: 10)
  let refusal = { (data: String) in
    let path = try workplace.write(Array("input_ids\n".utf8) + Array(data.utf8) + [0xFF] + Array("\n\"".utf8), to: "a.csv")
    return message { try preparation.run(data: [path], output: { workplace.path($0.rawValue) }) }
  }
  // A row that cannot be understood, one that is no text, and a quote that is never closed.
  #expect(try refusal("x\n").hasPrefix("a.csv:2: "))
  #expect(try refusal("") == "a.csv:2: field 1 is not valid UTF-8")
}

@Test func optionsOutOfRangeAreRefused() {
  let refusal = { (change: @escaping (inout DatasetOptions) -> Void) in
    message { try Prepared(#"{"text":"x"}"#, options: change) }
  }
  #expect(refusal { $0.cutoffLength = 1 } == "usage: the cutoff length must be from 2 to 1073741824 tokens, found 1")
  #expect(refusal { $0.textSeparator = "" } == "usage: the text separator is empty")
  for size in [DatasetOptions.ValidationSize.rows(-1), .fraction(1), .fraction(-0.1), .fraction(.nan)] {
    #expect(
      refusal { $0.validationSize = size }.hasPrefix(
        "usage: the validation set's size must be a number of rows"))
  }
  #expect(
    refusal { $0.validationSize = .rows(1) }
      == "data.jsonl: --val-set-size leaves none of 1 rows to train on")
  let both = message { try Prepared(#"{"text":"x"}"#, validation: "{}") { $0.validationSize = .rows(1) } }
  #expect(both.hasPrefix("usage: validation rows come from files of their own or are taken from the data"))
}

@Test func whatTheTokenizerCannotGiveIsSaid() {
  #expect(
    message { try Prepared(#"{"text":"x"}"#, configuration: "{}") }
      == "the tokenizer has no EOS token (eos_token of tokenizer_config.json)")
  #expect(
    message { try Prepared(#"{"text":"x"}"#, tokenizer: nil) }
      == "missingInput: data.jsonl:1: the base has no tokenizer.json to turn text into tokens")
  #expect(
    message { try Prepared("{\"text\":\"x\"}\n{\"text\":\"x~\"}", vocabularySize: 97) }
      == "data.jsonl:2: the tokenizer makes the token 97, which is outside the model's vocabulary (0 to 96)")
  let (token, text) = (#"{"SpecialToken":{"id":"<s>","type_id":0}}"#, #"{"Sequence":{"id":"A","type_id":0}}"#)
  let suffix = asciiTokenizer.replacing("\(token),\n\(text)", with: "\(text),\n\(token)")
  #expect(
    message { try Prepared(#"{"text":"x"}"#, tokenizer: suffix) }
      == "the tokenizer puts the token 0, which is not its EOS, after every text")
}
