/** A store of prices that is filled from their topic, and answers to those who ask. */
import {
  keyValueStore,
  stringSerde,
  Topology,
  type KeyValueStore,
  type Processor,
  type ProcessorContext,
  type StreamRecord,
} from '../src/index.ts'

const text = { key: stringSerde, value: stringSerde }

type Asked = StreamRecord<string, string | null>

class Answers implements Processor<string, string | null, string, string> {
  readonly #store: string
  #context!: ProcessorContext<string, string>

  constructor(store: string) {
    this.#store = store
  }

  init(context: ProcessorContext<string, string>): void {
    this.#context = context
  }

  process(record: Asked): void {
    const prices = this.#context.store<KeyValueStore<string, string>>(this.#store)
    this.#context.forward({ ...record, value: prices.get(record.key) ?? 'none' })
  }
}

export function readOnlyTopology(
  topics: { readonly prices: string; readonly input: string; readonly output: string },
  type: 'memory' | 'persistent' = 'persistent',
): Topology {
  const prices = keyValueStore({ name: 'prices', ...text, type })
  const topology = new Topology()
    .addReadOnlyStateStore(
      prices,
      { name: 'price-list', topic: topics.prices, ...text },
      {
        name: 'keep-prices',
        processor: () => {
          let store: KeyValueStore<string, string>
          return {
            init: (context: ProcessorContext<never, never>) => void (store = context.store(prices)),
            process: ({ key, value }: Asked) => store.put(key, value),
          }
        },
      },
    )
    .addSource({ name: 'asked', topics: [topics.input], ...text })
    .addProcessor({ name: 'answer', parents: ['asked'], processor: () => new Answers('prices') })
    .addSink({ name: 'answers', parents: ['answer'], topic: topics.output, ...text })
  return topology.connectProcessorAndStores('answer', ['prices'])
}
