import assert from 'node:assert/strict'
import { test } from 'node:test'
import { randomInt, seededRandom, systemClock } from '@millrace/core'
import { checkHistory } from './history-checker.ts'
import { LoadDriver } from './load-driver.ts'
import { PlatformUnderTest } from './platform-under-test.ts'
import { PromiseRecord } from './promise-record.ts'
import { rounds } from './rounds.ts'

const kills = 10
/** At every third life the process is armed to die inside a batch at a named point; otherwise the moment is random. */
const armed = 'kill@inbox.consumer.afterHandler#4'

for (const seed of rounds()) {
  test(`spine: analytics is killed ${kills} times, the first time inside a batch (seed ${seed})`, async () => {
    await using platform = await PlatformUnderTest.start({
      env: { MILLRACE_FAULTS_DISCUSSION_ANALYTICS: armed },
    })
    const random = seededRandom(seed)
    const record = new PromiseRecord()
    let pid = platform.pidOf('discussion-analytics')
    await using driver = new LoadDriver({ gatewayUrl: platform.gatewayUrl, record, seed })
    await driver.start()
    await platform.untilReplaced('discussion-analytics', pid)
    for (let kill = 1; kill < kills; kill++) {
      await systemClock.sleep(300 + randomInt(random, 1_500))
      pid = platform.kill('discussion-analytics')
      await platform.untilReplaced('discussion-analytics', pid)
    }
    await driver.stop()
    assert.equal(record.unanswered, 0, 'the discussion service does not notice')
    await checkHistory(platform, record)
  })
}
