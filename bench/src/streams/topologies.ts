import {
  joinWindows,
  longSerde,
  StreamsBuilder,
  stringSerde,
  timeWindowedSerde,
  tumblingWindows,
  type KStream,
  type Topology,
} from '@millrace/streams'
import type { StreamsJob, TopologyName } from './job.ts'

const text = { key: stringSerde, value: stringSerde }
const graceMs = 30_000

/** The same topologies as in `java/StreamsPeer.java`. */
export function benchTopology({ topology, input, output }: StreamsJob): Topology {
  const builder = new StreamsBuilder()
  builds[topology](builder.stream(input, text), output, builder, input)
  return builder.build()
}

type Build = (
  stream: KStream<string, string>,
  output: string,
  builder: StreamsBuilder,
  input: string,
) => void

const builds: Record<TopologyName, Build> = {
  'pass-through': (stream, output) => stream.to(output),
  count: (stream, output) =>
    stream.groupByKey().count({ store: 'counts' }).toStream().to(output, { value: longSerde }),
  'repartition count': (stream, output) =>
    stream
      .selectKey((_, key) => key.slice(1))
      .groupByKey({ name: 'by-tail', ...text })
      .count({ store: 'counts' })
      .toStream()
      .to(output, { value: longSerde }),
  '1-minute count': (stream, output) => windowedCount(stream, output, 60_000),
  '10-second count': (stream, output) => windowedCount(stream, output, 10_000),
  join: (stream, output, builder, input) =>
    stream
      .join(
        builder.stream(`${input}-right`, text),
        (left, right) => `${left.length}/${right.length}`,
        {
          windows: joinWindows({ beforeMs: 10_000, afterMs: 10_000, graceMs }),
          name: 'meeting',
          store: 'meeting',
          value: stringSerde,
        },
      )
      .to(output),
}

function windowedCount(stream: KStream<string, string>, output: string, sizeMs: number): void {
  stream
    .groupByKey()
    .windowedBy(tumblingWindows({ sizeMs, graceMs }))
    .count({ store: 'counts' })
    .toStream()
    .to(output, { key: timeWindowedSerde(stringSerde, sizeMs), value: longSerde })
}
