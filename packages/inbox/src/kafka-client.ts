import { createAdmin, createConsumer, createProducer } from '@millrace/kafka'
import type { KafkaClient } from './types.ts'

/** The platform's Kafka client. */
export const millraceKafka: KafkaClient = { createAdmin, createConsumer, createProducer }
