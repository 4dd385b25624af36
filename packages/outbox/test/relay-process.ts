// A relay in a process of its own, for tests that kill it. Its topic is a file: one line per acknowledged record, so that it outlives
// the process. Arguments: database URL, file.
import { appendFileSync, existsSync, readFileSync } from 'node:fs'
import { armFaultsFromText } from '@millrace/core/testing'
import { createOutbox } from '@millrace/outbox'
import { openDatabase } from '@millrace/postgres'
import { envelopeOf, eventIdOf, RecordingProducer } from './recording-producer.ts'

const [url, file] = process.argv.slice(2)
if (!url || !file) throw new Error('usage: relay-process.ts <database url> <file>')
armFaultsFromText(process.env['MILLRACE_FAULTS'] ?? '')

class FileProducer extends RecordingProducer {
  readonly #file: string

  constructor(file: string) {
    super()
    this.#file = file
    const lines = existsSync(file) ? readFileSync(file, 'utf8').split('\n').length - 1 : 0
    this.records.length = lines
  }

  override async send(records: Parameters<RecordingProducer['send']>[0]) {
    const metadata = await super.send(records)
    const lines = records.map((record) => {
      const { aggregateId, aggregateVersion } = envelopeOf(record)
      return `${eventIdOf(record)} ${aggregateId} ${aggregateVersion}\n`
    })
    appendFileSync(this.#file, lines.join(''))
    return metadata
  }
}

const database = openDatabase({ url, applicationName: 'relay-process', maxConnections: 4 })
const outbox = createOutbox({ database, serviceName: 'tests' })
const relay = outbox.createRelay({
  producer: new FileProducer(file),
  chunkRecords: 10,
  leaseMs: 500,
  backoff: { baseMs: 5, maxMs: 20 },
})
relay.start()
process.stdout.write('started\n')
process.on('SIGTERM', () => {
  void relay.close().then(() => database.close())
})
// A listener of the relay keeps the process alive; it ends by a signal.
