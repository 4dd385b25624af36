export { startBroker } from './broker.ts'
export { BrokerError, brokerErrors, type BrokerErrorCode } from './errors.ts'
export { type FsyncMode } from './log/partition-log.ts'
export { type BrokerOptions, type TopicOption } from './options.ts'
export {
  type AclOption,
  type AuthorizationOptions,
  type SaslMechanism,
  type SaslOptions,
  type SecurityOptions,
  type TlsOptions,
} from './security/security-options.ts'
export { type UserOption } from './security/user-store.ts'
export {
  type Broker,
  type BrokerFaults,
  type BrokerTime,
  type Fault,
  type WaitOptions,
} from './running-broker.ts'
export { type ListenerOption } from './net/listener-options.ts'
export { type ListenerAddress, type NodeAddress } from './api/served-api.ts'
export { type GroupLag, type WaitCondition } from './control/conditions.ts'
export {
  type FaultAction,
  type FaultMatch,
  type FaultMoment,
  type FaultRule,
} from './control/fault-rule.ts'
export { type FaultStatus } from './control/faults.ts'
export { type DumpedRecord, type GroupInfo, type PartitionInfo } from './control/inspection.ts'
export { type CompactionResult } from './topics/compaction.ts'
export { type RequestEntry, type RequestFilter } from './control/request-journal.ts'
