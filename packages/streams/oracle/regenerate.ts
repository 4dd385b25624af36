import { writeFile } from 'node:fs/promises'
import { runOnJava } from './run-java.ts'
import { goldenText, scenarioFiles } from './scenario-files.ts'

const words = process.argv.slice(2)
const files = scenarioFiles().filter(
  ({ name }) => words.length === 0 || words.some((word) => name.includes(word)),
)
const outcomes = await runOnJava(files.flatMap(({ scenarios }) => scenarios))
let at = 0
for (const { goldenPath, scenarios } of files) {
  await writeFile(goldenPath, goldenText(outcomes.slice(at, at + scenarios.length)))
  at += scenarios.length
}
process.stdout.write(`${outcomes.length} scenarios of ${files.length} files.\n`)
