import { uuidTimeMs } from '@millrace/core'
import { cloudEventHeaderNames, cloudEventHeaderValues } from '@millrace/events'
import {
  HeaderTemplate,
  KafkaError,
  type EncodedHeaders,
  type ProducerColumns,
  type SentColumns,
} from '@millrace/kafka'
import { attributesOf, isRefusal, keyOf, type KeyFormatOf, type Places } from './send-chunk.ts'
import type { PendingEvent } from './sql/read-set.ts'

/** What both of our producers offer: the cheap way in. */
export interface ColumnSink {
  sendColumns(columns: ProducerColumns): Promise<SentColumns>
}

const untraced = new HeaderTemplate(cloudEventHeaderNames)
const traced = new HeaderTemplate([...cloudEventHeaderNames, 'traceparent'])

/** The columns of one topic, and where each of its records stands among the events. */
export interface TopicColumns {
  readonly topic: string
  readonly values: (string | null)[]
  readonly keys: (string | Uint8Array | null)[]
  readonly timestampsMs: number[]
  readonly encodedHeaders: EncodedHeaders[]
  readonly positions: number[]
}

/**
 * Sends events as columns, a call for each topic: no object per record. The calls run side by side; events of one key are of one topic.
 * @throws what `sendColumns` throws; the index of a refused record is that of its event
 */
export async function sendColumns(
  sink: ColumnSink,
  topics: readonly TopicColumns[],
): Promise<Places> {
  const sent = await Promise.all(
    topics.map(({ positions, ...columns }) =>
      sink.sendColumns(columns).catch((error: unknown) => {
        throw isRefusal(error) ? named(error, positions) : error
      }),
    ),
  )
  const [only] = sent
  if (sent.length === 1 && only) return only
  const count = topics.reduce((sum, { positions }) => sum + positions.length, 0)
  const places = { partitions: new Int32Array(count), offsets: new Float64Array(count) }
  for (const [index, { positions }] of topics.entries())
    for (const [at, position] of positions.entries()) {
      places.partitions[position] = sent[index]?.partitions[at] ?? -1
      places.offsets[position] = sent[index]?.offsets[at] ?? -1
    }
  return places
}

/** What `sendColumns` sends. @throws KafkaError `MR_KAFKA_RECORD_REFUSED`, see `keyOf` */
export function columnsOf(
  events: readonly PendingEvent[],
  keyFormatOf: KeyFormatOf,
): readonly TopicColumns[] {
  const topics = new Map<string, TopicColumns>()
  for (let position = 0; position < events.length; position++) {
    const event = events[position] as PendingEvent
    let columns = topics.get(event.topic)
    if (!columns) {
      columns = {
        topic: event.topic,
        values: [],
        keys: [],
        timestampsMs: [],
        encodedHeaders: [],
        positions: [],
      }
      topics.set(event.topic, columns)
    }
    columns.values.push(event.payload)
    columns.keys.push(keyOf(event, position, keyFormatOf(event.topic)))
    columns.timestampsMs.push(uuidTimeMs(event.eventId))
    columns.encodedHeaders.push(encodeHeaders(event))
    columns.positions.push(position)
  }
  return [...topics.values()]
}

function encodeHeaders(event: PendingEvent): EncodedHeaders {
  const template = event.traceparent === null ? untraced : traced
  return template.encode(cloudEventHeaderValues(attributesOf(event), event.traceparent))
}

function named(refusal: Error & { details: object }, positions: readonly number[]): KafkaError {
  const { index, ...details } = refusal.details as { readonly index?: unknown }
  const position = typeof index === 'number' ? positions[index] : undefined
  return new KafkaError(
    'MR_KAFKA_RECORD_REFUSED',
    refusal.message,
    position === undefined ? details : { ...details, index: position },
    { cause: refusal },
  )
}
