import { startPostgres } from '@millrace/embedded'

/** A launcher for tests to kill: starts the server, says so in one line, and stays. */
const postgres = await startPostgres({ dir: process.argv[2] ?? '' })
process.stdout.write(`${JSON.stringify({ pid: postgres.pid, url: postgres.url })}\n`)
setInterval(() => {}, 60_000)
