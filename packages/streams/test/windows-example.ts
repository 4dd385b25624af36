import { longSerde, StreamsBuilder, stringSerde, tumblingWindows } from '@millrace/streams'

const builder = new StreamsBuilder()
builder
  .stream('clicks', { key: stringSerde, value: stringSerde })
  .groupByKey()
  .windowedBy(tumblingWindows({ sizeMs: 60_000, graceMs: 5_000 }), {
    emit: 'close',
    closeIdleAfterMs: 30_000,
    late: (records) => records.to('clicks-late'),
  })
  .count({ store: 'clicks-per-minute' })
  .toStream()
  .to('clicks-per-minute', { value: longSerde })
export const topology = builder.build()
