import { test } from 'node:test'
import { eventually } from '@millrace/core/testing'
import { checkHistory } from './history-checker.ts'
import { LoadDriver } from './load-driver.ts'
import { PlatformUnderTest } from './platform-under-test.ts'
import { PromiseRecord } from './promise-record.ts'
import { rounds } from './rounds.ts'

const points = [
  { name: 'between commit and publish', point: 'outbox.relay.beforePublish' },
  { name: 'between publish and mark', point: 'outbox.relay.afterPublish' },
]

for (const seed of rounds()) {
  for (const { name, point } of points) {
    test(`spine: the discussion service is killed ${name} (seed ${seed})`, async () => {
      // The pass at which it dies differs from seed to seed, and is late enough for the load to have begun.
      const faults = { MILLRACE_FAULTS_DISCUSSIONS: `kill@${point}#${12 + (seed % 9)}` }
      await using platform = await PlatformUnderTest.start({ env: faults })
      const firstPid = platform.pidOf('discussions')
      const record = new PromiseRecord()
      await using driver = new LoadDriver({ gatewayUrl: platform.gatewayUrl, record, seed })
      await driver.start()
      await platform.untilReplaced('discussions', firstPid)
      const before = record.acknowledged
      await eventually('requests are answered again', () => record.acknowledged > before + 20)
      await driver.stop()
      await checkHistory(platform, record)
    })
  }
}
