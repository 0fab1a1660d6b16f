import type * as CloudTrail from '@aws-sdk/client-cloudtrail'
import { AwsError } from './aws-error.ts'
import type { Operations } from './operation.ts'
import type { Trail, World } from './world.ts'

const arnOf = (world: World, { name, homeRegion }: Trail) =>
  `arn:${world.partition}:cloudtrail:${homeRegion}:${world.managementAccountId}:trail/${name}`

/** CloudTrail lists this Region's trails, and shadow trails of multi-Region trails in other Regions. */
const trailsIn = (world: World) =>
  world.trails.filter(({ homeRegion, isMultiRegion }) => isMultiRegion || homeRegion === world.region)

/** Finds a trail by its name or ARN; a shadow trail only by its ARN, as on AWS. */
const trailOf = (world: World, id = '') => {
  const trail = trailsIn(world).find(
    (trail) => id === arnOf(world, trail) || (id === trail.name && trail.homeRegion === world.region),
  )
  if (!trail) throw new AwsError('TrailNotFoundException', `Unknown trail: ${id}`)
  return trail
}

const describeTrails = (world: World) => ({
  trailList: trailsIn(world).map((trail) => ({
    Name: trail.name,
    TrailARN: arnOf(world, trail),
    HomeRegion: trail.homeRegion,
    IsMultiRegionTrail: trail.isMultiRegion,
    IsOrganizationTrail: trail.isOrganization,
    IncludeGlobalServiceEvents: true,
  })),
})

const getTrailStatus = (world: World, { Name }: CloudTrail.GetTrailStatusRequest) => ({
  IsLogging: trailOf(world, Name).isLogging,
})

const getEventSelectors = (world: World, { TrailName }: CloudTrail.GetEventSelectorsRequest) => {
  const trail = trailOf(world, TrailName)
  return {
    TrailARN: arnOf(world, trail),
    EventSelectors: trail.eventSelectors,
    AdvancedEventSelectors: trail.advancedEventSelectors,
  }
}

export const cloudTrail: Operations = {
  DescribeTrails: describeTrails,
  GetTrailStatus: getTrailStatus,
  GetEventSelectors: getEventSelectors,
}
