import assert from 'node:assert/strict'
import { test } from 'node:test'
import { comparable } from '../oracle/comparable.ts'
import { runScenario } from '../oracle/run-scenario.ts'
import { readGoldens, scenarioFiles } from '../oracle/scenario-files.ts'

// Each scenario was run on Kafka Streams 4.3.0, and what it wrote is committed: ours has to write the same.
// After a change of scenarios: node packages/streams/oracle/regenerate.mjs
for (const file of scenarioFiles()) {
  const goldens = readGoldens(file)
  for (const scenario of file.scenarios)
    test(`${file.name}: ${scenario.name}`, async () => {
      const golden = goldens.get(scenario.name)
      assert.ok(golden, `${file.goldenPath} does not have it; regenerate the goldens.`)
      const ours = await runScenario(scenario)
      assert.deepEqual(comparable(ours), comparable(golden))
      assert.equal(ours.error?.code, scenario.errorCode)
    })
  test(`${file.name}: names are unique, and no golden is left of a scenario that is gone`, () => {
    const names = file.scenarios.map(({ name }) => name)
    assert.deepEqual([...goldens.keys()].toSorted(), names.toSorted())
    assert.equal(new Set(names).size, names.length)
  })
}
