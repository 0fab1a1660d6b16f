import { execFile } from 'node:child_process'
import path from 'node:path'
import { promisify } from 'node:util'
import { describe, expect, test } from 'vitest'
import { bundleFunctions } from '../../local/run-function.ts'
import {
  bundleAll,
  everywhere,
  isOpeningWorld,
  loadWarm,
  runSeed,
  type Services,
  writeConfigs,
} from '../simulation/load-services.ts'
import { definitionWith, withMistake } from '../simulation/mistake.ts'
import { mistakes } from '../simulation/mistakes.ts'
import { configs, drawPlan, faultKinds, type Plan } from '../simulation/plan.ts'
import { drawOpeningPlan } from '../simulation/opening-plan.ts'
import { drawRoundPlan } from '../simulation/round-plan.ts'
import { randomFrom } from '../simulation/random.ts'
import { medianWorlds } from '../simulation/self-test.ts'
import { loadService, type Service } from '../simulation/service.ts'
import { runWorld } from '../simulation/run-world.ts'
import type { Result } from '../simulation/world-result.ts'
import { temporaryFolder } from '../support/folder.ts'
import { vendingFile } from '../support/organization.ts'

const root = path.join(import.meta.dirname, '..', '..')
const simulate = async (...args: string[]) => {
  type Failure = { code: number; stdout: string; stderr: string }
  const run = promisify(execFile)(process.execPath, ['test/simulation/simulate.ts', ...args], {
    cwd: root,
    maxBuffer: 2 ** 26,
  })
  const { code, stdout, stderr } = await run.then(
    (ended) => ({ code: 0, ...ended }),
    (failure: Failure) => failure,
  )
  return { code, stdout, stderr, last: stdout.trimEnd().split('\n').at(-1) ?? '' }
}

const folder = temporaryFolder()
let loaded: Promise<Services> | undefined
const warmServices = () => (loaded ??= bundleAll(writeConfigs(folder)).then(loadWarm))
/** What `--seed` prints of a world. */
const printed = ({ trace, violation, ...rest }: Result) =>
  `${trace.join('\n')}\n${JSON.stringify({ ...rest, violation: violation ?? null })}\n`

describe('npm run simulate', () => {
  test('ends with a line of JSON, and with exit code 0 if every promise was kept', async () => {
    const { code, stderr, last } = await simulate('--seeds', '12', '--from', '1')
    expect(code).toBe(0)
    expect(stderr).toContain('Seeds 1 to 12')
    expect(JSON.parse(last)).toMatchObject({ seeds: 12, violations: 0, vends: expect.any(Number) as number })
    expect(Object.keys(JSON.parse(last) as object)).toEqual([
      'seeds',
      'openingWorlds',
      'roundWorlds',
      'liveWorlds',
      'violations',
      'faults',
      'branches',
      'vends',
      'duplicateMails',
      'simulatedHours',
      'wallSeconds',
      'from',
    ])
  })

  test('--seed replays a world exactly, with its trace', async () => {
    // Of the worlds with a sweep and many faults, the first.
    const isWanted = ({ sweeps, faults }: Plan) => sweeps.length && faults.kinds.includes('slow') && faults.rate >= 0.08
    let seed = 0
    while (isOpeningWorld(seed) || !isWanted(drawPlan(seed, randomFrom(`world ${seed}`)))) seed++
    const { code, stdout } = await simulate('--seed', String(seed))
    expect(code).toBe(0)
    expect(stdout.split('\n').length).toBeGreaterThan(50)
    expect(stdout).toContain('! slow')
    expect(stdout).toContain('> sweep')
    expect(stdout).toBe(printed(await runSeed(await warmServices(), seed)))
  })

  test('--self-test finds a mistake in the world that is on record', async () => {
    const { code, stderr, last } = await simulate('--self-test', '--mistake', 'the password leaves its step')
    expect(stderr).toMatch(/✔ in world +\d+ {2}the password leaves its step, by “5 secrecy”/)
    expect(stderr).not.toContain('names another world')
    expect(JSON.parse(last)).toMatchObject({ mistakes: 1, found: 1, unsound: [] })
    expect(code).toBe(0)
  })

  test('--self-test --measure tells in how many worlds each start found a mistake, and the median', async () => {
    const { code, stderr, last } = await simulate(
      '--self-test',
      '--measure',
      '--mistake',
      'the password leaves its step',
    )
    expect(stderr).toMatch(/✔( +\d+){3} {2}median +\d+ {2}the password leaves its step, by “5 secrecy”/)
    expect(JSON.parse(last)).toMatchObject({ mistakes: 1, found: 1, unsound: [] })
    expect(code).toBe(0)
  })

  test('a mistake in the command is a sentence', async () => {
    const { code, stderr } = await simulate('--seeds', 'many')
    expect(code).toBe(2)
    expect(stderr).toBe('--seeds many: must be a whole number, at least 1\n')
    const other = await simulate('--frobnicate')
    expect(other.code).toBe(2)
    expect(other.stderr).toContain("Unknown option '--frobnicate'")
    // Options that would be ignored, or would test nothing.
    for (const [args, sentence] of [
      ['--seeds 0', 'at least 1'],
      ['--mistake lease', '--mistake is for --self-test'],
      ['--measure', '--measure is for --self-test'],
      ['--self-test --mistake frobnicate', 'no mistake has that in its name'],
      ['--self-test --seeds 3', 'do not go together'],
      ['--seed 7 --from 3', 'do not go together'],
      ['--self-test --liveness', 'do not go together'],
    ] as const) {
      const refused = await simulate(...args.split(' '))
      expect(refused, args).toMatchObject({ code: 2, stderr: expect.stringContaining(sentence) as string })
    }
  })
})

test('the worlds that open accounts know every circumstance, and a seed gives the same world again', async () => {
  const plans = Array.from({ length: 300 }, (_, seed) => drawOpeningPlan(seed, randomFrom(`opening world ${seed}`)))
  expect(new Set(plans.map(({ config }) => config))).toEqual(new Set(['plain', 'control-tower', 'approval']))
  expect(new Set(plans.flatMap(({ failures }) => Object.values(failures))).size).toBe(4)
  for (const has of [
    plans.some(({ asks }) => asks.length > 5),
    plans.some(({ taken }) => taken.length),
    plans.some(({ quota }) => quota && quota.seconds > 7 * 24 * 3600),
    plans.some(({ busy }) => busy.length),
    plans.some(({ stops, redrives }) => stops.length && redrives.length),
    plans.some(({ sweeps }) => sweeps.length),
    plans.some(({ asks: [first, second] }) => first?.body.name === second?.body.name),
  ])
    expect(has).toBeTruthy()
  const { stdout } = await simulate('--seed', '5')
  expect(stdout).toContain('organizations:CreateAccount')
  expect(stdout).toBe(printed(await runSeed(await warmServices(), 5)))
})

test('the worlds with daily rounds know every circumstance, and a seed gives the same world again', async () => {
  const plans = Array.from({ length: 300 }, (_, seed) => drawRoundPlan(seed, randomFrom(`round world ${seed}`)))
  expect(new Set(plans.map(({ config }) => config))).toEqual(new Set(['rounds', 'plain', 'groups']))
  const drifts = plans.flatMap(({ drifts }) => drifts)
  expect(new Set(drifts.map(({ kind }) => kind)).size).toBe(11)
  const removals = plans.flatMap(({ removals }) => removals.map(({ remove }) => remove))
  for (const has of [
    drifts.some(({ mendedAt }) => mendedAt),
    drifts.some(({ mendedAt }) => !mendedAt),
    removals.some(({ what, userName }) => what === 'everything' && !userName),
    removals.some(({ what, userName }) => what === 'sign-in' && userName),
    removals.some(({ lastWayIn }) => !lastWayIn),
    plans.some(({ sweeps }) => sweeps.includes(2)),
    plans.some(({ extraRounds }) => extraRounds.length),
    plans.some(({ repairs }) => repairs.length),
    plans.some(({ stops }) => stops.length),
    plans.some(({ lateComers }) => lateComers),
    plans.some(({ arrivals }) => !arrivals.length),
    plans.some(({ people }) => people),
  ])
    expect(has).toBeTruthy()
  const { stdout } = await simulate('--seed', '3')
  expect(stdout).toContain('> look-at-accounts')
  expect(stdout).toBe(printed(await runSeed(await warmServices(), 3)))
})

test('the median of three starts is decided by the two that found the mistake', () => {
  const starts = (...all: (number | undefined)[]) => all.map((worlds) => (worlds === undefined ? {} : { worlds }))
  expect(medianWorlds(starts(90, 3, 17))).toBe(17)
  expect(medianWorlds(starts(90, undefined, 3))).toBe(90)
  expect(medianWorlds(starts(undefined, 3, undefined))).toBeUndefined()
  expect(medianWorlds(starts(undefined, undefined))).toBeUndefined()
})

test('the worlds know every fault, door and circumstance', () => {
  const plans = Array.from({ length: 1000 }, (_, seed) => drawPlan(seed, randomFrom(`world ${seed}`)))
  expect(new Set(plans.flatMap(({ faults }) => [...faults.kinds, faults.ses]))).toEqual(
    new Set([...faultKinds, 'well']),
  )
  expect(new Set(plans.flatMap(({ arrivals }) => arrivals.map(({ door }) => door)))).toEqual(
    new Set(['created', 'joined', 'managed-create', 'managed-update', 'manual', 'api']),
  )
  const accounts = plans.flatMap(({ accounts }) => accounts)
  expect(new Set(accounts.map(({ refusal }) => refusal)).size).toBe(5)
  expect(accounts.some(({ foreign }) => foreign.user?.path === '/account-vending/' && foreign.user.signsIn)).toBe(true)
  expect(accounts.some(({ foreign }) => foreign.group)).toBe(true)
  expect(new Set(accounts.map(({ denied }) => denied))).toEqual(new Set([undefined, 'for-a-while', 'for-good']))
  expect(accounts.some(({ roleUsableAfter }) => roleUsableAfter > 300)).toBe(true)
  expect(accounts.some(({ policiesAfter }) => policiesAfter > 60)).toBe(true)
  expect(accounts.some(({ joinSeenAfter }) => joinSeenAfter > 600)).toBe(true)
  for (const has of [
    plans.some(({ stops }) => stops.length),
    plans.some(({ redrives }) => redrives.length),
    plans.some(({ intrusion }) => intrusion),
    plans.some(({ collision }) => collision?.failing === 'record-vended'),
    plans.some(({ sweeps }) => sweeps.includes(2)),
    plans.some(({ arrivals }) => arrivals.some(({ isLost }) => isLost)),
    accounts.some(({ isOld }) => isOld),
    accounts.some(({ departsAt }) => departsAt),
    accounts.some(({ closedAt }) => closedAt),
    accounts.some(({ suspendedAt, liftedAt }) => suspendedAt && liftedAt),
    accounts.some(({ suspendedAt, liftedAt }) => suspendedAt && !liftedAt),
    plans.some(({ deletions }) => deletions),
    ...(['scanner', 'owner', 'thief', 'guesser', 'renewal', 'lost'] as const).map((visit) =>
      plans.some(({ visits }) => visits[visit]),
    ),
    ...(['delayed', 'bounced', 'complained', 'late', 'twice'] as const).map((fate) =>
      plans.some(({ fates }) => fates[fate]),
    ),
    accounts.some(({ passwordPolicy }) => passwordPolicy),
    plans.some(({ arrivals: [first, second] }) => second && first?.at === second.at),
  ])
    expect(has).toBeTruthy()
})

const isPlain = (seed: number) => drawPlan(seed, randomFrom(`world ${seed}`)).config === 'plain'

test('with shared libraries, the functions behave like the deployed bundles', async () => {
  const { plain: together } = await warmServices()
  const seeds = Array.from({ length: 30 }, (_, seed) => seed).filter(isPlain)
  const results = async (service: Service) => {
    // The first use of an SDK client runs other code than later uses.
    for (const seed of seeds) await runWorld(everywhere(service), seed)
    const again = []
    for (const seed of seeds) again.push(await runWorld(everywhere(service), seed))
    return again
  }
  expect(await results(together)).toEqual(await results(await loadService(vendingFile({ ...configs.plain }))))
})

test.each([
  'the lease is not given back',
  'an error is swallowed',
  'the password leaves its step',
  'CreateAdminUser does not wait until IAM has caught up',
])('the simulation finds a mistake: %s', async (name) => {
  const mistake = mistakes.find((one) => one.name === name)!
  const file = vendingFile()
  const wrong =
    'file' in mistake
      ? await loadService(file, await bundleFunctions(file, [withMistake(mistake)]))
      : await loadService(file, undefined, definitionWith(mistake))
  const right = await loadService(file)
  for (let seed = 1; seed < 300; seed++) {
    if (!isPlain(seed)) continue
    const { violation } = await runWorld(everywhere(wrong), seed)
    if (!violation) continue
    expect((await runWorld(everywhere(right), seed)).violation).toBeUndefined()
    return
  }
  throw new Error('not found in 300 worlds')
})
