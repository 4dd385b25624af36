import assert from 'node:assert/strict'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { systemClock } from '@millrace/core'
import { eventually } from '@millrace/core/testing'
import { kafkaBackends } from '@millrace/testkit'
import { counted, settled } from './settled.ts'
import { ShopCustomers } from './shop-customers.ts'
import { ShopProcesses } from './shop-parts.ts'
import { Shop } from './shop-under-test.ts'

const isLong = process.env['MILLRACE_TEST_LONG'] !== undefined
const rounds = isLong ? 60 : 4
const betweenMs = 5_000

for (const backend of await kafkaBackends()) {
  const seed = Number(process.env['MILLRACE_SEED'] ?? Date.now() % 1_000_000)
  test(`the shop on ${backend.name}: a second instance of the saga leaves, or is killed, and comes back every 5 s, and every order ends once (seed ${seed})`, async (t) => {
    await using kafka = await backend.start()
    await using processes = await ShopProcesses.open()
    const { launch } = processes
    await using shop = await Shop.open(kafka.brokers, { SAGA_TIMEOUT: '1h' }, { launch })
    const customers = [
      await shop.customer('rich', 1_000_000_000),
      await shop.customer('busy', 1_000_000_000),
    ]
    await shop.product('tea', 1_500, 100_000)
    const stateDir = await mkdtemp(join(tmpdir(), 'millrace-test-second-saga-'))
    const env = { ...shop.environmentOf('order-saga'), STREAM_STATE_DIR: stateDir }
    try {
      await using people = new ShopCustomers({ shop, seed, customers, skus: ['tea'], pauseMs: 100 })
      for (let round = 0; round < rounds; round++) {
        const second = await processes.launch('order-saga', env)
        await second.ready
        await untilItHasTasks(second.url)
        await systemClock.sleep(betweenMs)
        await people.untilPlaced(shop.record.orders.size + 1)
        // The last one leaves: the tasks of one that was killed wait for it, for two minutes.
        if (round % 2 === 0 && round < rounds - 1) await processes.kill('order-saga', env)
        else await second.close()
        await systemClock.sleep(betweenMs)
      }
      await people.stop()
      const endings = await settled(shop)
      t.diagnostic(`${endings.size} orders, ${rounds} times there and away`)
      assert.ok(counted(endings, 'CONFIRMED') > 0)
      assert.equal(counted(endings, 'ROLLBACK TIMEOUT'), 0)
    } finally {
      await rm(stateDir, { recursive: true, force: true })
    }
  })
}

async function untilItHasTasks(url: string): Promise<void> {
  const hasTasks = async (): Promise<boolean> => {
    const response = await fetch(`${url}/api/streams/order-saga?scope=instance`)
    const { threads } = (await response.json()) as {
      readonly threads: readonly { readonly tasks: readonly unknown[] }[]
    }
    return threads.some(({ tasks }) => tasks.length > 0)
  }
  await eventually('the second instance has tasks', hasTasks, { timeoutMs: 300_000 })
}
