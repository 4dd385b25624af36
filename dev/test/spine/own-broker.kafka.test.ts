import assert from 'node:assert/strict'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { kafkaBackends } from '@millrace/testkit'
import { checkHistory } from './history-checker.ts'
import { LoadDriver } from './load-driver.ts'
import { PlatformUnderTest } from './platform-under-test.ts'
import { PromiseRecord } from './promise-record.ts'

for (const backend of await kafkaBackends()) {
  test(`spine: the whole platform on ${backend.name}, which is killed and comes back under load`, async () => {
    await using kafka = await backend.start()
    await using platform = await PlatformUnderTest.start({
      args: ['--no-sample-data'],
      env: { KAFKA_BROKERS: kafka.brokers.join(',') },
    })
    const record = new PromiseRecord()
    await using driver = new LoadDriver({
      gatewayUrl: platform.gatewayUrl,
      record,
      seed: 7,
      pauseMs: 60,
    })
    await driver.start()
    await systemClock.sleep(1_500)
    await kafka.kill()
    await systemClock.sleep(500)
    await kafka.restart()
    await systemClock.sleep(1_500)
    await driver.stop()
    assert.equal(record.unanswered, 0, 'no request fails because the broker is away')
    await checkHistory(platform, record)
  })
}
