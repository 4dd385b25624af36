export {
  TopologyTestDriver,
  type PipedRecord,
  type TestDriverOptions,
  type WrittenRecord,
} from './topology-test-driver.ts'
