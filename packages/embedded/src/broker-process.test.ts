import assert from 'node:assert/strict'
import { createServer, type AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { startBrokerProcess } from './broker-process.ts'
import { isAlive } from './process-table.ts'

const fake = {
  dir: tmpdir(),
  program: fileURLToPath(new URL('../test/fake-broker.ts', import.meta.url)),
}

test('broker process: gives the port of the ready line, stops on demand', async () => {
  const broker = await startBrokerProcess(fake)
  assert.equal(broker.address, `127.0.0.1:${broker.port}`)
  await broker.stop()
  await broker.stop()
  assert.deepEqual(await broker.exited, { code: null, signal: 'SIGTERM' })
  assert.equal(isAlive(broker.pid), false)
})

test('broker process: kill is a SIGKILL', async () => {
  const broker = await startBrokerProcess(fake)
  broker.kill()
  assert.deepEqual(await broker.exited, { code: null, signal: 'SIGKILL' })
})

test('broker process: a taken port is a typed error that names it', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await assert.rejects(
    startBrokerProcess({ ...fake, port }),
    (error: { code?: string; details?: { port?: number } }) => {
      assert.equal(error.code, 'MR_EMBEDDED_PORT_TAKEN')
      assert.equal(error.details?.port, port)
      return true
    },
  )
  server.close()
})

test('broker process: ending before it is ready, and never getting ready, say why', async () => {
  await assert.rejects(startBrokerProcess({ ...fake, args: ['--fail'] }), {
    code: 'MR_EMBEDDED_START_FAILED',
    message: /the disk is full/,
  })
  await assert.rejects(startBrokerProcess({ ...fake, args: ['--mute'], startTimeoutMs: 300 }), {
    code: 'MR_EMBEDDED_START_FAILED',
    message: /not ready within 300 ms/,
  })
})
