export {
  apacheKafkaJars,
  startApacheKafka,
  whyNoApacheKafka,
  type ApacheKafka,
  type ApacheKafkaOptions,
} from './apache-kafka.ts'
export { startBitFlipProxy, type BitFlipProxy } from './bit-flip-proxy.ts'
export { makeCertificates, type Certificate, type TestCertificates } from './certificates.ts'
export { endChild, exitOf, isRunning, type ChildExit } from './child-exit.ts'
export { startFaultProxy, type Direction, type FaultProxy, type Flow } from './fault-proxy.ts'
export { freePorts } from './free-ports.ts'
export {
  kafkaBackends,
  startEmbeddedBroker,
  type KafkaBackend,
  type RunningKafka,
} from './kafka-backends.ts'
export { fetchJars, whyNoJars, type JarSet, type MavenJar } from './maven-jars.ts'
