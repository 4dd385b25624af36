import { StreamsBuilder, type Topology } from '../src/index.ts'
import { text } from './streams-fixture.ts'

/** Copies its input, and fails at "bad". */
export function fussy(input: string, output: string): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream(input, text)
    .peek((value) => {
      if (value === 'bad') throw new Error('a bad one')
    })
    .to(output, text)
  return builder.build()
}

// As a module, for worker threads: `fussy-topology.ts?input=a&output=b`.
export default (): Topology => {
  const { searchParams } = new URL(import.meta.url)
  return fussy(searchParams.get('input') ?? '', searchParams.get('output') ?? '')
}
