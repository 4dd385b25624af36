import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { afterEach, suite, test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { eventually } from '@millrace/core/testing'

const main = fileURLToPath(new URL('../test/process-service.ts', import.meta.url))
const children = new Set<ChildProcess>()

afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})

function run(env: Record<string, string>, args: readonly string[] = []) {
  const child = spawn(process.execPath, [main, ...args], {
    env: { PORT: '0', ...env },
    stdio: ['pipe', 'pipe', 'pipe'],
  })
  children.add(child)
  const output = { text: '' }
  child.stdout.on('data', (chunk: Buffer) => (output.text += chunk.toString()))
  child.stderr.on('data', (chunk: Buffer) => (output.text += chunk.toString()))
  const exit = once(child, 'close').then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
    output: output.text,
  }))
  const port = (): Promise<number> =>
    eventually('the listening line', () => {
      const line = output.text.split('\n').find((text) => text.includes('"event":"listening"'))
      if (line === undefined) return undefined
      const parsed = JSON.parse(line) as Record<string, unknown>
      assert.deepEqual(Object.keys(parsed), ['event', 'service', 'port'])
      assert.equal(parsed['service'], 'process-test')
      return parsed['port'] as number
    })
  return { child, exit, port, output }
}

suite('runService', () => {
  for (const signal of ['SIGTERM', 'SIGINT'] as const)
    test(`${signal} ends it in order with 0`, async () => {
      const service = run({})
      await service.port()
      service.child.kill(signal)
      const { code, output } = await service.exit
      assert.equal(code, 0)
      assert.match(output, /close hook ran/)
    })

  test('a signal during the start ends it in order with 0', async () => {
    const service = run({ TEST_START: 'never' })
    await service.port()
    service.child.kill('SIGTERM')
    assert.equal((await service.exit).code, 0)
  })

  test('a start that can never work ends it with 1, after the close hooks', async () => {
    const { code, output } = await run({ TEST_START: 'badly' }).exit
    assert.equal(code, 1)
    assert.match(output, /cannot ever work/)
    assert.match(output, /close hook ran/)
  })

  test('a wrong configuration ends it with 2, every fault listed, no secret shown', async () => {
    const { code, output } = await run({ PORT: 'x', LOG_LEVEL: 'y', TEST_SECRET: 'hunter2' }).exit
    assert.equal(code, 2)
    assert.match(output, /has 2 faults:\n {2}- PORT: .*\n {2}- LOG_LEVEL: /)
    assert.ok(!output.includes('hunter2'))
  })

  test('a taken port ends it with 3 and is named', async () => {
    const holder = createServer().listen(0, '127.0.0.1')
    await once(holder, 'listening')
    const { port } = holder.address() as AddressInfo
    const { code, output } = await run({ PORT: String(port) }).exit
    holder.close()
    assert.equal(code, 3)
    assert.match(output, new RegExp(`cannot listen on 127.0.0.1:${port}`))
  })

  test('an error nobody caught is logged and ends it with 1', async () => {
    const service = run({})
    const port = await service.port()
    await fetch(`http://127.0.0.1:${port}/crash`).catch(() => {})
    const { code, output } = await service.exit
    assert.equal(code, 1)
    assert.match(output, /"message":"crashed"/)
  })

  test('it ends when the pipe of its parent closes, if told so', async () => {
    const service = run({ MILLRACE_PARENT_PIPE: '1' })
    await service.port()
    service.child.stdin.end()
    const { code, output } = await service.exit
    assert.equal(code, 0)
    assert.match(output, /close hook ran/)
  })

  test('with a channel it ends when that closes, and a closed standard input means nothing', async () => {
    const child = spawn(process.execPath, [main], {
      env: { PORT: '0', MILLRACE_PARENT_PIPE: '1' },
      stdio: ['ignore', 'pipe', 'inherit', 'ipc'],
    })
    children.add(child)
    const ended = once(child, 'exit')
    let output = ''
    child.stdout?.on('data', (chunk: Buffer) => (output += chunk.toString()))
    await eventually('it is ready', () => output.includes('"message":"ready"'))
    child.disconnect()
    const [code] = await ended
    assert.equal(code, 0)
  })

  test('an armed fault point kills it', async () => {
    const service = run({ MILLRACE_FAULTS: 'kill@process.test#2' })
    const url = `http://127.0.0.1:${await service.port()}/fault`
    assert.equal((await fetch(url)).status, 200)
    await fetch(url).catch(() => {})
    assert.equal((await service.exit).signal, 'SIGKILL')
  })

  test('--help prints the table and does not start', async () => {
    const { code, output } = await run({ PORT: 'x' }, ['--help']).exit
    assert.equal(code, 0)
    assert.match(output, /TEST_START +well\|never\|badly +well +How the start goes\./)
  })
})
