import { StreamsBuilder, type Topology } from '../src/index.ts'
import { isFirstToMake, text } from './streams-fixture.ts'

/** Copies its input, and fails at the first "bad" that any instance takes, which leaves `mark`, a file: others may get that record before they hear of it. */
export function fussy(input: string, output: string, mark: string): Topology {
  const builder = new StreamsBuilder()
  builder
    .stream(input, text)
    .peek((value) => {
      if (value === 'bad' && isFirstToMake(mark)) throw new Error('a bad one')
    })
    .to(output, text)
  return builder.build()
}

// As a module, for worker threads: `fussy-topology.ts?input=a&output=b&mark=c`.
export default (): Topology => {
  const { searchParams } = new URL(import.meta.url)
  const [input, output, mark] = ['input', 'output', 'mark'].map(
    (name) => searchParams.get(name) ?? '',
  ) as [string, string, string]
  return fussy(input, output, mark)
}
