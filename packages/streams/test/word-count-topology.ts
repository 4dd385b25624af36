import { workerData } from 'node:worker_threads'
import { isFirstToMake, wordCount } from './streams-fixture.ts'

// A topology as a module, for tests of worker threads: its topics come by its URL, as in `word-count-topology.ts?input=a&output=b`.
export default (): ReturnType<typeof wordCount> => {
  const { searchParams } = new URL(import.meta.url)
  const [input, output] = [searchParams.get('input'), searchParams.get('output')]
  if (!input || !output) throw new Error('word-count-topology.ts?input=…&output=…')
  // Fails in a worker alone, where a test asks for that.
  if (searchParams.has('broken') && workerData !== null) throw new Error('broken in the worker')
  // Ends the first worker without a word.
  const exitMark = searchParams.get('exit')
  if (exitMark && workerData !== null && isFirstToMake(exitMark)) process.exit(3)
  return wordCount(input, output, 'persistent')
}
