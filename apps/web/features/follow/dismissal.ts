import { readSetting, writeSetting } from '../../lib/storage.ts'
import { createStore } from '../../lib/store.ts'

/** Whether the reader put the walk's card away. Written by `setWalkDismissed` alone. */
export const walkDismissedStore = createStore(readSetting('walk') === 'dismissed')

export function setWalkDismissed(isDismissed: boolean): void {
  writeSetting('walk', isDismissed ? 'dismissed' : null)
  walkDismissedStore.set(isDismissed)
}
