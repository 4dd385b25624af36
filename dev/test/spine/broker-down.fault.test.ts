import assert from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { startBrokerProcess } from '@millrace/embedded'
import { freePorts } from '@millrace/testkit'
import { checkHistory } from './history-checker.ts'
import { LoadDriver } from './load-driver.ts'
import { PlatformUnderTest } from './platform-under-test.ts'
import { PromiseRecord } from './promise-record.ts'
import { rounds } from './rounds.ts'

const outageMs = 20_000
const startTimeoutMs = 120_000

for (const seed of rounds()) {
  test(`spine: the broker is down for 20 s under load, requests go on and all events arrive after (seed ${seed})`, async () => {
    const brokerFolder = mkdtempSync(join(tmpdir(), 'millrace-broker-'))
    // Below the ports of outgoing connections, one of which could take it while the broker is down.
    const [port = 0] = await freePorts(1)
    let broker = await startBrokerProcess({ dir: brokerFolder, port, startTimeoutMs })
    try {
      await using platform = await PlatformUnderTest.start({
        env: { KAFKA_BROKERS: broker.address },
      })
      const record = new PromiseRecord()
      await using driver = new LoadDriver({
        gatewayUrl: platform.gatewayUrl,
        record,
        seed,
        pauseMs: 60,
      })
      await driver.start()
      await systemClock.sleep(1_000)

      broker.kill()
      await broker.exited
      const before = record.acknowledged
      await systemClock.sleep(outageMs)
      // As many as it takes to see, however slow the machine.
      await eventually('requests go on', () => record.acknowledged - before > 100)
      const during = record.acknowledged - before
      const stats = (await (
        await fetch(`${platform.gatewayUrl}/api/discussions/stats`)
      ).json()) as { readonly pending: number }
      assert.equal(record.unanswered, 0, 'no request fails because the broker is down')
      assert.ok(
        stats.pending > during / 2,
        `events pile up: ${stats.pending} pending after ${during} requests`,
      )

      broker = await startBrokerProcess({ dir: brokerFolder, port, startTimeoutMs })
      await systemClock.sleep(1_000)
      await driver.stop()
      await checkHistory(platform, record)
      assert.equal(record.unanswered, 0)
    } finally {
      await broker.stop()
      rmSync(brokerFolder, { recursive: true, force: true })
    }
  })
}
