import assert from 'node:assert/strict'
import { clientSuite, kcat, type ClientTest } from './client-suite.ts'
import { patiently, runTool, ToolProcess } from './tool-process.ts'

/** kcat 1.7.1 with librdkafka 2.0.2: the oldest requests that anybody still sends. */

const lines = (text: string): string[] => text.split('\n').filter((line) => line !== '')
const numbered = (from: number, to: number): string[] =>
  Array.from({ length: to - from }, (_, n) => `record-${from + n}`)

function produce(on: ClientTest, topic: string, args: readonly string[], input: readonly string[]) {
  return runTool(on.tool, ['-b', on.address, '-P', '-t', topic, ...args], {
    input: `${input.join('\n')}\n`,
  })
}

/** Reads to the end of each partition and stops. */
function readAll(on: ClientTest, topic: string, args: readonly string[] = []) {
  return runTool(on.tool, ['-b', on.address, '-C', '-t', topic, '-e', '-q', ...args])
}

await clientSuite(kcat, (suite) => {
  for (const codec of ['none', 'gzip', 'snappy', 'lz4', 'zstd'])
    suite.test(`produces and reads ${codec}, with keys and headers`, async (on) => {
      const topic = await on.topic()
      const values = numbered(0, 500).map((value) => `${value} ${'x'.repeat(100)}`)
      const compression = codec === 'none' ? [] : ['-z', codec]
      await produce(
        on,
        topic,
        ['-K:', '-H', `codec=${codec}`, ...compression],
        values.map((value, n) => `key-${n}:${value}`),
      )
      const read = lines(await readAll(on, topic, ['-f', '%o %k %h %s\n']))
      assert.deepEqual(
        read,
        values.map((value, n) => `${n} key-${n} codec=${codec} ${value}`),
      )
    })

  suite.test('idempotent: five requests in flight, every record once and in order', async (on) => {
    const topic = await on.topic(3)
    const values = numbered(0, 3_000)
    const settings = [
      '-X',
      'enable.idempotence=true',
      '-X',
      'batch.num.messages=20',
      '-X',
      'linger.ms=0',
    ]
    await produce(on, topic, ['-p', '1', ...settings], values)
    assert.deepEqual(lines(await readAll(on, topic)), values)
  })

  suite.test('acks 0, 1 and all', async (on) => {
    const topic = await on.topic()
    for (const acks of ['0', '1', 'all']) await produce(on, topic, ['-X', `acks=${acks}`], [acks])
    await patiently('all three are there', async () => {
      const read = lines(await readAll(on, topic))
      return read.toSorted().join() === '0,1,all'
    })
  })

  suite.test('a null value is a tombstone and an empty one is not', async (on) => {
    const topic = await on.topic()
    await produce(on, topic, ['-K:', '-Z'], ['dead:', 'alive:x'])
    await produce(on, topic, ['-K:'], ['empty:'])
    const read = lines(await readAll(on, topic, ['-J'])).map(
      (line) => JSON.parse(line) as { key: string; payload: string | null },
    )
    assert.deepEqual(
      read.map(({ key, payload }) => [key, payload]),
      [
        ['dead', null],
        ['alive', 'x'],
        ['empty', ''],
      ],
    )
  })

  suite.test('reads from offsets, from the tail and from a time', async (on) => {
    const topic = await on.topic()
    await produce(on, topic, [], numbered(0, 10))
    const untilMs = Date.now() + 1
    await patiently('the clock moved on', () => Date.now() > untilMs)
    await produce(on, topic, [], numbered(10, 20))
    assert.deepEqual(lines(await readAll(on, topic, ['-o', '17'])), numbered(17, 20))
    assert.deepEqual(lines(await readAll(on, topic, ['-o', '-3'])), numbered(17, 20))
    assert.deepEqual(lines(await readAll(on, topic, ['-o', `s@${untilMs}`])), numbered(10, 20))
    assert.deepEqual(
      lines(await readAll(on, topic, ['-o', 'beginning', '-c', '2'])),
      numbered(0, 2),
    )
  })

  suite.test('-Q gives offsets by time, the first and the next', async (on) => {
    const topic = await on.topic(2)
    await produce(on, topic, ['-p', '1'], numbered(0, 5))
    const betweenMs = Date.now() + 1
    await patiently('the clock moved on', () => Date.now() > betweenMs)
    await produce(on, topic, ['-p', '1'], numbered(5, 8))
    const ask = (partition: number, at: number | string) =>
      runTool(on.tool, ['-b', on.address, '-Q', '-t', `${topic}:${partition}:${at}`])
    assert.equal(await ask(1, betweenMs), `${topic} [1] offset 5\n`)
    assert.equal(await ask(1, -2), `${topic} [1] offset 0\n`)
    assert.equal(await ask(1, -1), `${topic} [1] offset 8\n`)
    assert.equal(await ask(0, -1), `${topic} [0] offset 0\n`)
    // Later than every record: nothing there, said as "the end".
    assert.equal(await ask(1, betweenMs + 3_600_000), `${topic} [1] offset -1\n`)
  })

  suite.test('-L lists brokers, topics, partitions and leaders', async (on) => {
    const topic = await on.topic(3)
    const text = await runTool(on.tool, ['-b', on.address, '-L', '-J'])
    const { brokers, topics } = JSON.parse(text) as {
      brokers: { id: number; name: string }[]
      topics: { topic: string; partitions: { partition: number; leader: number }[] }[]
    }
    assert.deepEqual(
      brokers.map(({ name }) => name),
      [on.address],
    )
    const partitions = topics.find((row) => row.topic === topic)?.partitions
    assert.deepEqual(
      partitions?.map(({ partition, leader }) => [partition, leader]),
      [
        [0, brokers[0]!.id],
        [1, brokers[0]!.id],
        [2, brokers[0]!.id],
      ],
    )
  })

  suite.test('a group of two shares the partitions and goes on from its offsets', async (on) => {
    const topic = await on.topic(4)
    const groupId = on.unique('g')
    const settings = [
      'auto.offset.reset=earliest',
      'session.timeout.ms=6000',
      'auto.commit.interval.ms=100',
    ].flatMap((setting) => ['-X', setting])
    const member = (...args: string[]) =>
      ToolProcess.start(
        on.tool,
        ['-b', on.address, '-G', groupId, topic, '-u', '-f', '%p %s\n', ...settings, ...args],
        { input: '' },
      )
    await using first = member()
    await first.says('assigned: ')
    await using second = member()
    await second.says(/assigned: .*\[\d\].*\[\d\]/)
    for (let partition = 0; partition < 4; partition++)
      await produce(
        on,
        topic,
        ['-p', String(partition)],
        numbered(partition * 50, partition * 50 + 50),
      )
    const read = () => [...lines(first.stdout), ...lines(second.stdout)]
    await patiently('all 200 read', () => read().length === 200)
    assert.equal(new Set(read()).size, 200, 'each once')
    assert.ok(lines(first.stdout).length > 0 && lines(second.stdout).length > 0)
    for (const process of [first, second]) {
      process.signal('SIGTERM')
      await process.exited
    }
    await produce(on, topic, ['-p', '2'], ['the next'])
    await using third = member('-c', '1')
    assert.equal((await third.ends()).stdout, '2 the next\n')
  })

  suite.test('a transaction is read when it is committed', async (on) => {
    const topic = await on.topic(2)
    const transactional = ['-X', `transactional.id=${on.unique('x')}`]
    await produce(on, topic, transactional, numbered(0, 20))
    const committed = lines(await readAll(on, topic, ['-X', 'isolation.level=read_committed']))
    assert.deepEqual(committed.toSorted(), numbered(0, 20).toSorted())
  })
})
