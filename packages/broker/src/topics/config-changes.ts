import { errorCodes } from '@millrace/protocol'
import { configTypes, type ConfigType } from './topic-configs.ts'

/** Kafka: AlterConfigOp.OpType */
export const configOperations = { SET: 0, DELETE: 1, APPEND: 2, SUBTRACT: 3 } as const

export interface ConfigChange {
  readonly name: string
  readonly operation: number
  readonly value: string | null
}

/** What the rules of a change need to know of a setting. */
export interface ChangeableConfig {
  readonly type: ConfigType
  readonly default: string
}

export type ConfigOutcome =
  | { readonly configs: ReadonlyMap<string, string> }
  | { readonly errorCode: number; readonly text: string }

/**
 * The settings after some changes, in their order (KIP-339; Kafka: ConfigurationControlManager). APPEND and SUBTRACT work on
 * lists, begin with the default where nothing is set, and neither repeat nor miss a value.
 * @param rowOf the setting of a name; undefined when there is none, which a later check reports
 */
export function changedConfigs(
  current: ReadonlyMap<string, string>,
  changes: readonly ConfigChange[],
  rowOf: (name: string) => ChangeableConfig | undefined,
): ConfigOutcome {
  const fault = faultOfChanges(changes)
  if (fault !== undefined) return { errorCode: errorCodes.INVALID_REQUEST, text: fault }
  const configs = new Map(current)
  for (const { name, operation, value } of changes) {
    if (operation === configOperations.DELETE) {
      configs.delete(name)
      continue
    }
    if (operation === configOperations.SET) {
      configs.set(name, value!)
      continue
    }
    const row = rowOf(name)
    if (row?.type !== configTypes.LIST) {
      const verb = operation === configOperations.APPEND ? 'APPEND' : 'SUBTRACT'
      const text = `Can't ${verb} to key ${name} because its type is not LIST.`
      return { errorCode: errorCodes.INVALID_CONFIG, text }
    }
    configs.set(name, changedList(configs.get(name) ?? row.default, operation, value!))
  }
  return { configs }
}

function faultOfChanges(changes: readonly ConfigChange[]): string | undefined {
  if (new Set(changes.map(({ name }) => name)).size < changes.length)
    return 'Error due to duplicate config keys'
  const valueless = changes.filter(
    ({ operation, value }) => value === null && operation !== configOperations.DELETE,
  )
  if (valueless.length > 0)
    return `Null value not supported for : ${valueless.map(({ name }) => name).join(', ')}`
  const unknown = changes.find(
    ({ operation }) => operation < configOperations.SET || operation > configOperations.SUBTRACT,
  )
  return unknown && `Unknown operation type ${unknown.operation} for ${unknown.name}`
}

function changedList(before: string, operation: number, value: string): string {
  const parts = before === '' ? [] : before.split(',')
  const named = value.split(',')
  const after =
    operation === configOperations.APPEND
      ? [...parts, ...named.filter((part) => !parts.includes(part))]
      : parts.filter((part) => !named.includes(part))
  return after.join(',')
}
