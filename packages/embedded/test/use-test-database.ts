import { testDatabase } from '@millrace/embedded/testing'
import { openDatabase } from '@millrace/postgres'

/** A test process that ends as its argument says, without disposing of anything. */
const { url } = await testDatabase()
const database = openDatabase({ url, applicationName: 'test' })
const { rows } = await database.query<{ directory: string; pid: number }>(
  `select current_setting('data_directory') as directory, pg_backend_pid() as pid`,
)
process.stdout.write(`${JSON.stringify(rows[0])}\n`)
if (process.argv[2] === 'crash') process.kill(process.pid, 'SIGKILL')
if (process.argv[2] === 'throw') throw new Error('as a failing test does')
await database.close()
