/** What no role of ours has: every action of a service, or an action on everything that could be on something. */
import { type Fields, type Finding, type Template, fields, list, ofType, text } from './template.js';

/** Actions on `*`, each with the reason: AWS binds them to no resource, or to none that exists before the call. */
const EVERYWHERE: Readonly<Record<string, string>> = {
  'ecr:GetAuthorizationToken': 'a token is for a whole registry',
  'ecs:DescribeTasks': 'bound to a cluster by a condition',
  'ecs:ListTasks': 'bound to a cluster by a condition',
  'ecs:DescribeTaskDefinition': 'binds to no resource',
  'ecs:RegisterTaskDefinition': 'the revision does not exist before',
  'ecs:TagResource': 'the revision does not exist before',
  'codepipeline:ListPipelines': 'binds to no resource',
  'codebuild:ListProjects': 'binds to no resource',
};

export interface Statement {
  readonly place: string;
  readonly actions: readonly string[];
  readonly resources: readonly string[];
}

/** The statements that a template's roles are given, inline or by policies beside them. */
export function statementsOf(template: Template): Statement[] {
  const read = (place: string, document: Fields): Statement[] =>
    list(document['Statement']).map((statement) => {
      const many = (key: string): string[] => {
        const value = fields(statement)[key];
        return (Array.isArray(value) ? list(value) : [value ?? '']).map(text);
      };
      return { place, actions: many('Action'), resources: many('Resource') };
    });
  const inline = ofType(template, 'AWS::IAM::Role').flatMap(([id, role]) =>
    list(role['Policies']).flatMap((policy) => read(id, fields(fields(policy)['PolicyDocument']))),
  );
  const beside = ofType(template, 'AWS::IAM::Policy').flatMap(([id, policy]) => read(id, fields(policy['PolicyDocument'])));
  return [...inline, ...beside];
}

export function checkRights(template: Template): Finding[] {
  return statementsOf(template).flatMap(({ place, actions, resources }) =>
    actions.flatMap((action) => {
      if (action.includes('*')) return [`${place}: ${action} is more than a call`];
      if (resources.includes('*') && !(action in EVERYWHERE)) return [`${place}: ${action} on everything`];
      return [];
    }),
  );
}
