import { AwsError } from './aws-error.ts'

type Stack = { stackName: string; stackId: string; createdAt: number; outputs: Record<string, string> }

/** CloudFormation's operations, for the endpoint. The only stack is that of this service. */
export const cloudFormation = ({ stackName, stackId, createdAt, outputs }: Stack) => ({
  DescribeStacks: (_: unknown, { StackName }: { StackName?: string }) => {
    if (StackName !== stackName && StackName !== stackId)
      throw new AwsError('ValidationError', `Stack with id ${StackName} does not exist`)
    return {
      Stacks: [
        {
          StackName: stackName,
          StackId: stackId,
          StackStatus: 'CREATE_COMPLETE',
          CreationTime: new Date(createdAt),
          Outputs: Object.entries(outputs).map(([OutputKey, OutputValue]) => ({ OutputKey, OutputValue })),
        },
      ],
    }
  },
})
