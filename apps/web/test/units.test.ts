// The root's test tiers look for an app's tests in its `test` folder; those beside the sources are named here.
import '../features/analytics/mappers.test.ts'
import '../features/discussions/mappers.test.ts'
import '../features/follow/mappers.test.ts'
import '../features/overview/overview.test.ts'
import '../lib/lib.test.ts'
