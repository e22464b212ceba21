// swift-tools-version: 6.2
import PackageDescription

// Rooms, bottom to top: each target may use only those listed above it (README, "Where everything lives").
// `C…` is C, `Capital` is a library, `lower-case` is a program you can run.

let house: [SwiftSetting] = [
  .strictMemorySafety(),
  .treatWarning("StrictMemorySafety", as: .error),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("InternalImportsByDefault"),
]

func library(_ name: String, _ rooms: [Target.Dependency], resources: [Resource] = []) -> Target {
  .target(name: name, dependencies: rooms, resources: resources, swiftSettings: house)
}

func program(
  _ name: String, _ rooms: [Target.Dependency], resources: [Resource] = [], linker: [LinkerSetting] = []
) -> Target {
  .executableTarget(
    name: name, dependencies: rooms + [argumentParser], resources: resources, swiftSettings: house,
    linkerSettings: linker)
}

func tests(_ room: String, using others: [Target.Dependency] = [], resources: [Resource] = []) -> Target {
  .testTarget(
    name: room + "Tests", dependencies: [.target(name: room)] + others,
    resources: resources, swiftSettings: house)
}

// Half of the time that a run with nothing to do takes is loading Swift's libraries; what the runner needs of them is
// linked into it instead. Each refers to others, hence the group.
let staticRuntime: [LinkerSetting] = [
  .unsafeFlags(
    ["-static-stdlib", "-Xlinker", "--start-group"]
      + [
        "Foundation", "CoreFoundation", "FoundationInternationalization", "_FoundationICU", "FoundationEssentials",
        "_FoundationCShims", "_FoundationCollections", "swiftSynchronization", "swift_Builtin_float",
        "swift_StringProcessing", "swift_RegexParser", "swiftDispatch",
      ].map { "-l" + $0 } + ["-Xlinker", "--end-group"], .when(configuration: .release))
]

let argumentParser: Target.Dependency = .product(name: "ArgumentParser", package: "swift-argument-parser")
let yams: Target.Dependency = .product(name: "Yams", package: "Yams")
let subprocess: Target.Dependency = .product(name: "Subprocess", package: "swift-subprocess")

let package = Package(
  name: "randlora",
  dependencies: [
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/jpsim/Yams", from: "6.2.2"),
    .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.2"),
  ],
  targets: [
    .systemLibrary(name: "COpenBLAS", pkgConfig: "openblas", providers: [.apt(["libopenblas-dev"])]),
    .systemLibrary(name: "CArchive", pkgConfig: "libarchive", providers: [.apt(["libarchive-dev"])]),
    .systemLibrary(name: "CCurl", pkgConfig: "libcurl", providers: [.apt(["libcurl4-openssl-dev"])]),
    .systemLibrary(name: "CCrypto", pkgConfig: "libcrypto", providers: [.apt(["libssl-dev"])]),
    .systemLibrary(name: "CPCRE2", pkgConfig: "libpcre2-8", providers: [.apt(["libpcre2-dev"])]),
    .systemLibrary(name: "CUTF8Proc", providers: [.apt(["libutf8proc-dev"])]),
    .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    .systemLibrary(name: "CSnappy", pkgConfig: "snappy", providers: [.apt(["libsnappy-dev"])]),
    .systemLibrary(name: "CLinux"),
    // -O3 in debug builds too: the float loops are what tests spend their time in.
    .target(name: "CKernels", cSettings: [.unsafeFlags(["-O3"])]),

    library("Failures", []),
    library("JSON", ["Failures"]),
    library(
      "Artifacts", ["Failures", "JSON", "CCrypto", "CLinux"],
      resources: [.embedInCode("Schemas")]),  // a link to schemas/
    library("Tensor", ["CKernels"]),
    library("Checkpoint", ["Failures", "JSON", "Tensor"]),
    library("RegularExpressions", ["Failures", "CPCRE2"]),
    library("Tokenizer", ["Failures", "JSON", "RegularExpressions", "CUTF8Proc"]),
    library("ChatTemplates", ["Failures", "JSON"]),
    library("DataFormats", ["Failures", "JSON", "Artifacts", "CArchive", "CZlib", "CSnappy"]),
    library("Datasets", ["Failures", "JSON", "CCrypto", "Tensor", "Checkpoint", "Tokenizer", "ChatTemplates", "DataFormats"]),
    library("Adapters", ["Failures", "JSON", "RegularExpressions", "Tensor", "Checkpoint"]),
    library("Transformer", ["Failures", "Tensor", "Checkpoint", "Adapters"]),
    library("Training", ["Failures", "JSON", "Tensor", "Checkpoint", "Tokenizer", "Datasets", "Adapters", "Transformer"]),
    library("Pipeline", ["Failures", "JSON", "Artifacts", yams, subprocess]),
    library("ModelArtifacts", ["Failures", "JSON", "Artifacts", "Tensor", "Checkpoint", "Tokenizer", "ChatTemplates", "Datasets", "Adapters", "Transformer", "Training"]),
    // The only room that links OpenBLAS, which starts threads wherever it is loaded, used or not.
    library(
      "Conversion",
      ["Failures", "JSON", "Artifacts", "COpenBLAS", "Tensor", "Checkpoint", "Adapters", "ModelArtifacts"]),
    library("Hub", ["Failures", "JSON", "Artifacts", "CArchive", "CCurl"]),
    library("StageSupport", ["Failures", "JSON", "Artifacts", argumentParser]),

    program(
      "train-step",
      ["Failures", "JSON", "Artifacts", "Tensor", "Checkpoint", "Datasets", "Adapters", "Training", "ModelArtifacts",
        "StageSupport"]),
    program(
      "generate",
      ["Failures", "JSON", "Artifacts", "Tensor", "Checkpoint", "Tokenizer", "ChatTemplates", "Datasets", "Transformer", "Training",
        "ModelArtifacts", "StageSupport"]),
    program(
      "evaluate",
      ["Failures", "JSON", "Artifacts", "Tensor", "Checkpoint", "Datasets", "Adapters", "Transformer", "Training",
        "ModelArtifacts", "StageSupport"]),
    program(
      "import-base",
      ["Failures", "JSON", "Artifacts", "Tensor", "Checkpoint", "ModelArtifacts", "Hub", "StageSupport"]),
    program(
      "init-adapter",
      ["Failures", "JSON", "Artifacts", "Checkpoint", "Adapters", "Training", "ModelArtifacts", "StageSupport"]),
    program(
      "prepare-data",
      ["Failures", "JSON", "Artifacts", "Tensor", "Checkpoint", "ChatTemplates", "DataFormats", "Datasets", "ModelArtifacts",
        "StageSupport"]),
    program(
      "merge",
      ["Failures", "JSON", "Artifacts", "Tensor", "Checkpoint", "ModelArtifacts", "StageSupport"]),
    program(
      "convert-to-lora",
      ["Failures", "JSON", "Artifacts", "Tensor", "Checkpoint", "Adapters", "ModelArtifacts", "Conversion", "StageSupport"]),
    program(
      "push-artifact",
      ["Failures", "JSON", "Artifacts", "Checkpoint", "Adapters", "Training", "ModelArtifacts", "Hub", "StageSupport"]),
    program(
      "benchmark",
      ["Failures", "JSON", "CLinux", "COpenBLAS", "Tensor", "Checkpoint", "Tokenizer", "DataFormats", "Datasets",
        "Adapters", "Transformer", "Training", "Pipeline", "StageSupport"]),
    program(
      "randlora", ["Failures", "JSON", "Artifacts", "Pipeline", "StageSupport"],
      resources: [.embedInCode("finetune.yaml")],  // a link to pipelines/finetune.yaml
      linker: staticRuntime),

    // What several test targets share: PEFT's cases, scratch directories, running the programs.
    .target(
      name: "TestSupport", dependencies: ["Failures", "JSON", "Tensor", "Checkpoint", "Datasets", "Adapters"],
      path: "Tests/TestSupport", swiftSettings: house),
    tests("JSON", using: ["Failures", "TestSupport"]),
    tests("Artifacts", using: ["Failures", "JSON", "TestSupport"]),
    tests("Tensor", using: ["Checkpoint", "TestSupport"]),
    tests("Checkpoint", using: ["Failures", "JSON", "Tensor", "TestSupport"]),
    tests("RegularExpressions", using: ["Failures", "TestSupport"]),
    tests("Tokenizer", using: ["Failures", "JSON", "ChatTemplates", "TestSupport"], resources: [.copy("Fixtures")]),
    tests("ChatTemplates", using: ["Failures", "JSON", "TestSupport"], resources: [.copy("Fixtures")]),
    tests("DataFormats", using: ["Failures", "JSON", "CArchive", "TestSupport"], resources: [.copy("Fixtures")]),
    tests("Datasets", using: ["Failures", "JSON", "Tokenizer", "ChatTemplates", "TestSupport"]),
    tests("Adapters", using: ["Failures", "JSON", "Tensor", "Checkpoint", "TestSupport"]),
    tests("Transformer", using: ["Failures", "JSON", "Tensor", "Checkpoint", "Datasets", "Adapters", "TestSupport"]),
    tests(
      "Training",
      using: ["Failures", "JSON", "Tensor", "Checkpoint", "Datasets", "Adapters", "Transformer", "TestSupport"]),
    tests("Pipeline", using: ["Failures", "JSON", "Artifacts", yams, "TestSupport"]),
    tests("Conversion", using: ["Failures", "Tensor", "Checkpoint", "Adapters", "TestSupport"]),
    tests("Hub", using: ["Failures", "Artifacts", "CArchive", "TestSupport"]),
    tests("StageSupport", using: ["Failures", "JSON", "Artifacts", argumentParser]),
    // Runs the built programs: they are dependencies so that they are there.
    .testTarget(
      name: "ProgramTests",
      dependencies: [
        "JSON", "Tensor", "Checkpoint", "TestSupport",
        "import-base", "prepare-data", "init-adapter", "train-step", "evaluate", "generate", "merge", "convert-to-lora",
        "push-artifact", "randlora", "benchmark",
      ],
      swiftSettings: house),
    .testTarget(
      name: "GoldenProgramTests",
      dependencies: [
        "JSON", "Tensor", "Checkpoint", "Datasets", "Adapters", "TestSupport",
        "import-base", "prepare-data", "init-adapter", "train-step", "evaluate", "merge", "convert-to-lora",
        "push-artifact", "randlora",
      ],
      swiftSettings: house),
  ]
)
