import { errorCodes, listGroupsApi, type ListGroupsResponseInput } from '@millrace/protocol'
import { groupStateNames } from '../groups/classic/classic-group-state.ts'
import { consumerGroupStateNames } from '../groups/consumer/consumer-group-state.ts'
import type { Group } from '../groups/group.ts'
import { serve } from './served-api.ts'

const typeNames = { classic: 'Classic', consumer: 'Consumer' } as const

/** ListGroups (key 16), versions 0–5, filtered by state from v4 (KIP-518) and by type from v5 (KIP-848); both without regard to case. */
export const listGroups = serve({
  api: listGroupsApi,
  versions: [0, 5],
  handle: ({ statesFilter, typesFilter }, { broker, node }): ListGroupsResponseInput => {
    const own = [...broker.groups.groups].filter(
      ({ id }) => broker.cluster.coordinatorOf('group', id) === node,
    )
    const groups = own.map((group) => ({
      groupId: group.id,
      protocolType: group.protocolType ?? '',
      groupState: stateNameOf(group),
      groupType: typeNames[group.type],
    }))
    return {
      errorCode: errorCodes.NONE,
      groups: groups.filter(
        ({ groupState, groupType }) =>
          passes(groupState, statesFilter) && passes(groupType, typesFilter),
      ),
    }
  },
})

function stateNameOf(group: Group): string {
  return group.type === 'classic'
    ? groupStateNames[group.state]
    : consumerGroupStateNames[group.state]
}

function passes(value: string, filter: readonly string[]): boolean {
  return filter.length === 0 || filter.some((one) => one.toLowerCase() === value.toLowerCase())
}
