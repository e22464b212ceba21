import JSON
import Tensor
import Testing

@testable import Checkpoint

private let tensors = [("a", 3), ("b", 2), ("c", 10), ("d", 1)].map {
  TensorDescription(name: $0.0, dtype: .f32, shape: [$0.1])
}

@Test func `tensors go into files of limited size, larger ones alone`() {
  let plan = ShardPlan(tensors, limit: 20)
  #expect(plan.shards.map { $0.map(\.name) } == [["a", "b"], ["c"], ["d"]])
  #expect(plan.name(of: 1) == "model-00002-of-00003.safetensors")
  #expect(plan.index?["metadata"] == ["total_size": 64])
  #expect(plan.index?["weight_map"]?["c"] == "model-00002-of-00003.safetensors")
}

@Test func `one file needs no index`() {
  let plan = ShardPlan(tensors, limit: 64)
  #expect(plan.shards.count == 1 && plan.index == nil)
  #expect(plan.name(of: 0) == "model.safetensors")
}

@Test(arguments: [
  ("5GB", 5_000_000_000), ("200 MB", 200_000_000), ("1.5GiB", 1_610_612_736), ("10kb", 10_000), ("77", 77),
  ("8B", 8),
])
func `a shard's size is read as transformers writes it`(text: String, bytes: Int) {
  #expect(ShardPlan.bytes(text) == bytes)
}

@Test(arguments: ["", "GB", "-1GB", "0", "nanGB", "infB", "1e40", "5 gigabytes", "5XB"])
func `what is no size is refused`(text: String) {
  #expect(ShardPlan.bytes(text) == nil)
}
