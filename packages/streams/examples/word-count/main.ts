import { longSerde, StreamsApp, StreamsBuilder, stringSerde } from '@millrace/streams'

const builder = new StreamsBuilder()
builder
  .stream('lines', { key: stringSerde, value: stringSerde })
  .flatMapValues((line) => line.toLowerCase().split(' '))
  .groupBy((word) => word, { name: 'words', key: stringSerde, value: stringSerde })
  .count({ store: 'counts' })
  .toStream()
  .to('word-counts', { value: longSerde })

const app = new StreamsApp({
  applicationId: 'word-count',
  brokers: [process.env['KAFKA_BROKER'] ?? 'localhost:9092'],
  topology: builder.build(),
  guarantee: 'exactly_once_v2',
  stateDir: 'state',
})
await app.start()
process.once('SIGTERM', () => void app.close())
