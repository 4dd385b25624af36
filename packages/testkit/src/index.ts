export { startApacheKafka, type ApacheKafka, type ApacheKafkaOptions } from './apache-kafka.ts'
