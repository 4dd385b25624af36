export {
  PartitionedTestDriver,
  type PartitionedTestDriverOptions,
} from './partitioned-test-driver.ts'
export type { CrashPoint } from './simulated-task.ts'
export { TestInput, TestOutput, type ReadRecord, type TopicSerdes } from './test-topics.ts'
export {
  TopologyTestDriver,
  type PipedRecord,
  type TestDriverOptions,
  type WrittenRecord,
} from './topology-test-driver.ts'
