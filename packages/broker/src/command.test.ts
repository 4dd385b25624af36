import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { fileURLToPath } from 'node:url'
import { systemClock } from '@millrace/core'
import { metadataApi, produceApi } from '@millrace/protocol'
import { BrokerProcess } from '../test/broker-process.ts'
import { recordBatch } from '../test/batches.ts'
import { WireClient } from '../test/wire-client.ts'

const program = fileURLToPath(new URL('main.mjs', import.meta.url))

function run(...args: string[]) {
  return spawnSync(process.execPath, [program, ...args], { encoding: 'utf8', timeout: 60_000 })
}

async function withDirectory(work: (dir: string) => Promise<void>): Promise<void> {
  const dir = await mkdtemp(join(tmpdir(), 'millrace-broker-command-'))
  try {
    await work(dir)
  } finally {
    await rm(dir, { recursive: true, force: true })
  }
}

function produce(client: WireClient, value: string) {
  const records = recordBatch({ values: [value], timestampsMs: [systemClock.now()] })
  return client.call(produceApi, 9, {
    acks: -1,
    timeoutMs: 1000,
    topicData: [{ name: 't', partitionData: [{ index: 0, records }] }],
  })
}

test('command: --help tells every option and starts nothing', () => {
  const { stdout, status } = run('--help')
  assert.equal(status, 0)
  for (const option of [
    '--dir',
    '--port',
    '--listener',
    '--nodes',
    '--admin-port',
    '--fault',
    '--from',
  ])
    assert.match(stdout, new RegExp(`${option} `))
})

test('command: wrong options end it with a message that says which, and what to do', () => {
  for (const { args, says } of [
    { args: [], says: /--dir DIRECTORY is missing/ },
    { args: ['--dir', 'x', '--prot', '1'], says: /--prot.*See --help/s },
    { args: ['--dir', 'x', '--create', 't'], says: /not of the form topic:partitions/ },
    { args: ['--dir', 'x', '--fault', '{'], says: /--fault \{ cannot be set/ },
    { args: ['--dir', 'x', '--nodes', '0', '--port', 'many'], says: /port NaN.*nodes 0/ },
    { args: ['--dir', 'x', '--listener', '{"nam":1}'], says: /it knows no nam/ },
    { args: ['--dir', 'x', '--listener', '{"name":""}'], says: /one without a name/ },
  ]) {
    const { stderr, status } = run(...args)
    assert.equal(status, 1, stderr)
    const { event, code, message } = JSON.parse(stderr.trim()) as Record<string, string>
    assert.deepEqual([event, code], ['failed', 'MR_BROKER_BAD_OPTION'])
    assert.match(message!, says)
  }
})

test('command: it serves nodes and the admin port, and a kill is a real one', () =>
  withDirectory(async (dir) => {
    const broker = await BrokerProcess.start(
      dir,
      0,
      '--nodes',
      '2',
      '--admin-port',
      '0',
      '--create',
      't:1',
    )
    try {
      const client = await WireClient.connect(broker.port)
      const { brokers, topics } = await client.call(metadataApi, 9, { topics: null })
      assert.equal(brokers.length, 2)
      const leader = brokers.find(({ nodeId }) => nodeId === topics[0]!.partitions[0]!.leaderId)!
      const toLeader = await WireClient.connect(leader.port)
      const rule = { match: { api: 'Produce' }, action: { type: 'kill', when: 'after' }, skip: 1 }
      const added = await fetch(`http://127.0.0.1:${broker.adminPort}/addFault`, {
        method: 'POST',
        body: JSON.stringify({ rule }),
      })
      assert.equal(added.status, 200)
      await produce(toLeader, 'a')
      await assert.rejects(produce(toLeader, 'b'))
      assert.equal(await broker.endedBy(), 'SIGKILL')
    } finally {
      await broker.kill()
    }
    const again = await BrokerProcess.start(dir, 0)
    assert.equal(await again.stop(), 0)
  }))
