import assert from 'node:assert/strict'
import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { systemClock } from '@millrace/core'
import { endChild, exitOf, isRunning } from '@millrace/testkit'

const here = fileURLToPath(new URL('.', import.meta.url))

/** What a process says that runs this code and then ends by itself. */
async function saidBy(code: string): Promise<string> {
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '-e', code],
    { cwd: here, timeout: 120_000 },
  )
  return stdout
}

const urlOf = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href)

test('a process that waits at most so long for what keeps nothing open goes on after it', async () => {
  const said = await saidBy(`
    import { systemClock } from '@millrace/core'
    import { waitAtMost } from ${urlOf('wait-at-most.ts')}
    void waitAtMost(systemClock, 150, new Promise(() => {})).then(() => console.log('went on'))
  `)
  assert.equal(said, 'went on\n')
})

test('a process whose only work is to archive old days goes on while Postgres is away, and ends when that is closed', async () => {
  const said = await saidBy(`
    import { silentLogger } from '@millrace/core'
    import { openDatabase } from '@millrace/postgres'
    import { InboxDays } from ${urlOf('inbox-days.ts')}
    const database = openDatabase({ url: 'postgres://nobody@127.0.0.1:1/none', applicationName: 'lone' })
    let failures = 0
    const warn = () => {
      console.log(++failures)
      if (failures === 2) void runner.close().then(() => database.close())
    }
    const runner = new InboxDays(database, 'public', { ...silentLogger, warn }).schedule({
      everyMs: 1_000,
      hotDays: 30,
      directory: 'nowhere',
    })
  `)
  assert.equal(said, '1\n2\n')
})

test('a consumer whose broker and Postgres are both away stays, and ends in order when it is told to', async () => {
  const program = fileURLToPath(new URL('../test/member-process.ts', import.meta.url))
  const nowhere = ['postgres://nobody@127.0.0.1:1/none', '127.0.0.1:1']
  const child = spawn(process.execPath, [program, ...nowhere, 'accounts', 'ledger'], {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  })
  await Promise.race([once(child, 'message'), exitOf(child)])
  assert.equal(isRunning(child), true, 'it started')
  child.disconnect()
  // Longer than any pause between two attempts.
  await systemClock.sleep(5_000)
  assert.equal(isRunning(child), true)
  assert.deepEqual(await endChild(child, 'SIGTERM', 120_000), { code: 0, signal: null })
})
