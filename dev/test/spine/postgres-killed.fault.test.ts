import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { checkHistory } from './history-checker.ts'
import { LoadDriver } from './load-driver.ts'
import { PlatformUnderTest } from './platform-under-test.ts'
import { PromiseRecord } from './promise-record.ts'
import { rounds } from './rounds.ts'

const kills = 2

for (const seed of rounds()) {
  test(`spine: Postgres is killed ${kills} times under load and comes back by itself (seed ${seed})`, async () => {
    await using platform = await PlatformUnderTest.start()
    const random = seededRandom(seed)
    const record = new PromiseRecord()
    await using driver = new LoadDriver({ gatewayUrl: platform.gatewayUrl, record, seed })
    await driver.start()
    const services = {
      discussions: platform.pidOf('discussions'),
      analytics: platform.pidOf('discussion-analytics'),
    }
    for (let kill = 0; kill < kills; kill++) {
      await systemClock.sleep(1_000 + randomInt(random, 1_000))
      const before = record.acknowledged
      const pid = platform.kill('postgres')
      await platform.untilReplaced('postgres', pid)
      await eventually('requests are answered again', () => record.acknowledged > before + 20, {
        timeoutMs: 120_000,
      })
    }
    await driver.stop()
    await checkHistory(platform, record)
    assert.deepEqual(
      services,
      {
        discussions: platform.pidOf('discussions'),
        analytics: platform.pidOf('discussion-analytics'),
      },
      'no service died with Postgres',
    )
  })
}
