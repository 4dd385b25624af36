/** A static member whose coordinator comes back and knows the process before it alone, told apart from one whose place was taken. */
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { errorCodes } from '@millrace/protocol'
import { startScriptedBroker, type Asked, type ScriptedBroker } from '../test/scripted-broker.ts'
import { createConsumer, type Consumer } from './index.ts'

const topic = 't'

/** `gone`: the connection breaks in place of an answer. */
type Answer = 'ok' | 'fenced' | 'gone'

interface Scene extends AsyncDisposable {
  readonly consumer: Consumer
  /** Member ids of the requests, in order: "join m2", "sync m2". */
  readonly asked: readonly string[]
}

/** A coordinator that gives each member without an id the next one, m1, m2, …, and answers JoinGroup and SyncGroup as listed. */
async function scene(answers: readonly Answer[]): Promise<Scene> {
  const asked: string[] = []
  let members = 0
  const broker: ScriptedBroker = await startScriptedBroker((request) => {
    switch (request.api.name) {
      case 'Metadata':
        return request.answer(metadata(broker))
      case 'FindCoordinator':
        return request.answer({ errorCode: 0, errorMessage: null, ...node(broker) })
      case 'JoinGroup':
      case 'SyncGroup':
        return answerMember(request)
      case 'Heartbeat':
        return request.answer({ errorCode: 0 })
    }
  })
  const answerMember = (request: Asked): void => {
    const { api, body, socket } = request
    const memberId = String(body['memberId'])
    const answer = answers[asked.length] ?? 'ok'
    asked.push(`${api.name === 'JoinGroup' ? 'join' : 'sync'} ${memberId}`)
    if (answer === 'gone') return void socket.destroy()
    const errorCode = answer === 'fenced' ? errorCodes.FENCED_INSTANCE_ID : 0
    if (api.name === 'SyncGroup') return request.answer({ errorCode, assignment: Buffer.alloc(0) })
    const [protocol] = body['protocols'] as readonly { readonly name: string }[]
    request.answer({
      errorCode,
      generationId: asked.length,
      protocolType: 'consumer',
      protocolName: protocol?.name ?? '',
      leader: 'somebody',
      memberId: memberId === '' && errorCode === 0 ? `m${++members}` : memberId,
      members: [],
    })
  }
  const consumer = await createConsumer({
    brokers: [`${broker.host}:${broker.port}`],
    clientId: 'static-member-test',
    groupId: 'group',
    instanceId: 'one',
    topics: [topic],
  })
  return {
    consumer,
    asked,
    [Symbol.asyncDispose]: async () => {
      await consumer.close().catch(() => {})
      await broker[Symbol.asyncDispose]()
    },
  }
}

function node({ host, port }: ScriptedBroker): { nodeId: number; host: string; port: number } {
  return { nodeId: 1, host, port }
}

function metadata(broker: ScriptedBroker): object {
  const partitions = [{ errorCode: 0, partitionIndex: 0, leaderId: 1 }]
  const topics = [{ errorCode: 0, name: topic, partitions }]
  return { brokers: [node(broker)], controllerId: 1, topics }
}

async function drain(consumer: Consumer): Promise<void> {
  for await (const batch of consumer) batch.release()
}

test('a static member that its coordinator forgot before its first generation was settled asks for its place anew', async () => {
  await using each = await scene(['ok', 'gone', 'fenced', 'ok', 'ok'])
  const reading = drain(each.consumer)
  while (each.asked.length < 5) await Promise.race([reading, new Promise(setImmediate)])
  assert.deepEqual(each.asked, ['join ', 'sync m1', 'join m1', 'join ', 'sync m2'])
  await each.consumer.close()
  await reading
})

test('a static member whose place was taken while the coordinator was there ends', async () => {
  await using each = await scene(['ok', 'fenced'])
  await assert.rejects(drain(each.consumer), { code: 'MR_KAFKA_INSTANCE_FENCED' })
  assert.deepEqual(each.asked, ['join ', 'sync m1'])
})

test('a static member asks for its place anew once: fenced again, another process has it', async () => {
  await using each = await scene(['ok', 'gone', 'fenced', 'ok', 'fenced'])
  await assert.rejects(drain(each.consumer), { code: 'MR_KAFKA_INSTANCE_FENCED' })
  assert.deepEqual(each.asked, ['join ', 'sync m1', 'join m1', 'join ', 'sync m2'])
})
