export { startBroker, type Broker } from './broker.ts'
export { BrokerError, brokerErrors, type BrokerErrorCode } from './errors.ts'
export { type FsyncMode } from './log/partition-log.ts'
export { type BrokerOptions, type TopicOption } from './options.ts'
