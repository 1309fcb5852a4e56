// A VPC with a virtual private gateway and two VPN connections, by the AWS SDK for JavaScript; then all of it away again.
// Speaks to AWS_ENDPOINT_URL. Prints one JSON document of what it saw; anything unexpected ends it with an exception.
import assert from "node:assert/strict";
import {
  EC2Client,
  AttachVpnGatewayCommand,
  CreateCustomerGatewayCommand,
  CreateRouteCommand,
  CreateSubnetCommand,
  CreateVpcCommand,
  CreateVpnConnectionCommand,
  CreateVpnConnectionRouteCommand,
  CreateVpnGatewayCommand,
  DeleteCustomerGatewayCommand,
  DeleteSubnetCommand,
  DeleteVpcCommand,
  DeleteVpnConnectionCommand,
  DeleteVpnGatewayCommand,
  DescribeRouteTablesCommand,
  DescribeVpcsCommand,
  DescribeVpnConnectionsCommand,
  DetachVpnGatewayCommand,
  EnableVgwRoutePropagationCommand,
  paginateDescribeSubnets,
  waitUntilVpcAvailable,
  waitUntilVpnConnectionAvailable,
  waitUntilVpnConnectionDeleted,
} from "@aws-sdk/client-ec2";

const ec2 = new EC2Client({});
const waiting = { client: ec2, maxWaitTime: 60, minDelay: 1, maxDelay: 1 };
const tags = (type, name) => [{ ResourceType: type, Tags: [{ Key: "Name", Value: name }] }];

const { Vpc: vpc } = await ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16", TagSpecifications: tags("vpc", "from node <&>") }));
await waitUntilVpcAvailable(waiting, { VpcIds: [vpc.VpcId] });
const found = await ec2.send(new DescribeVpcsCommand({ Filters: [{ Name: "tag:Name", Values: ["from node*"] }] }));
assert.deepEqual(found.Vpcs.map((each) => each.VpcId), [vpc.VpcId]);

const subnets = [];
for (const third of [1, 2, 3, 4, 5, 6, 7]) {
  const { Subnet } = await ec2.send(new CreateSubnetCommand({ VpcId: vpc.VpcId, CidrBlock: `10.0.${third}.0/24` }));
  subnets.push(Subnet.SubnetId);
}
const paged = [];
let pages = 0;
for await (const page of paginateDescribeSubnets({ client: ec2, pageSize: 5 }, { Filters: [{ Name: "vpc-id", Values: [vpc.VpcId] }] })) {
  pages += 1;
  paged.push(...page.Subnets.map((each) => each.SubnetId));
}
assert.deepEqual(new Set(paged), new Set(subnets));
assert.equal(paged.length, subnets.length);
assert.equal(pages, 2);

const { VpnGateway: gateway } = await ec2.send(new CreateVpnGatewayCommand({ Type: "ipsec.1", AmazonSideAsn: 64620 }));
await ec2.send(new AttachVpnGatewayCommand({ VpnGatewayId: gateway.VpnGatewayId, VpcId: vpc.VpcId }));
const connections = [];
const customers = [];
for (const [address, asn, fixed] of [["203.0.113.77", 65010, false], ["203.0.113.78", 65020, true]]) {
  const { CustomerGateway: customer } = await ec2.send(new CreateCustomerGatewayCommand({ Type: "ipsec.1", PublicIp: address, BgpAsn: asn }));
  customers.push(customer.CustomerGatewayId);
  assert.equal(customer.BgpAsn, String(asn));
  const { VpnConnection: made } = await ec2.send(
    new CreateVpnConnectionCommand({
      Type: "ipsec.1",
      CustomerGatewayId: customer.CustomerGatewayId,
      VpnGatewayId: gateway.VpnGatewayId,
      Options: { StaticRoutesOnly: fixed, TunnelOptions: [{ PreSharedKey: "Node.chose_this", DPDTimeoutSeconds: 45 }] },
    }),
  );
  connections.push(made.VpnConnectionId);
}
await waitUntilVpnConnectionAvailable(waiting, { VpnConnectionIds: connections });
await ec2.send(new CreateVpnConnectionRouteCommand({ VpnConnectionId: connections[1], DestinationCidrBlock: "192.168.61.0/24" }));

const main = { Filters: [{ Name: "vpc-id", Values: [vpc.VpcId] }, { Name: "association.main", Values: ["true"] }] };
const [table] = (await ec2.send(new DescribeRouteTablesCommand(main))).RouteTables;
await ec2.send(new EnableVgwRoutePropagationCommand({ GatewayId: gateway.VpnGatewayId, RouteTableId: table.RouteTableId }));
await ec2.send(new CreateRouteCommand({ RouteTableId: table.RouteTableId, DestinationCidrBlock: "192.168.99.0/24", GatewayId: gateway.VpnGatewayId }));

const shown = (await ec2.send(new DescribeVpnConnectionsCommand({ VpnConnectionIds: connections }))).VpnConnections;
const [after] = (await ec2.send(new DescribeRouteTablesCommand(main))).RouteTables;
assert.deepEqual(after.PropagatingVgws, [{ GatewayId: gateway.VpnGatewayId }]);
for (const each of shown) {
  assert.equal(each.VgwTelemetry.length, 2);
  assert.ok(each.VgwTelemetry.every((tunnel) => tunnel.LastStatusChange instanceof Date));
  assert.ok(each.Options.TunnelOptions.some((tunnel) => tunnel.PreSharedKey === "Node.chose_this" && tunnel.DpdTimeoutSeconds === 45));
  assert.match(each.CustomerGatewayConfiguration, /<ipsec_tunnel>/);
}

await assert.rejects(ec2.send(new DeleteVpcCommand({ VpcId: vpc.VpcId })), { name: "DependencyViolation" });
await assert.rejects(ec2.send(new DeleteVpcCommand({ VpcId: "vpc-00000000000000000" })), { name: "InvalidVpcID.NotFound" });
await assert.rejects(ec2.send(new CreateVpcCommand({ CidrBlock: "10.0.0.0/16", DryRun: true })), { name: "DryRunOperation" });

for (const id of connections) await ec2.send(new DeleteVpnConnectionCommand({ VpnConnectionId: id }));
await waitUntilVpnConnectionDeleted(waiting, { VpnConnectionIds: connections });
for (const id of customers) await ec2.send(new DeleteCustomerGatewayCommand({ CustomerGatewayId: id }));
await ec2.send(new DetachVpnGatewayCommand({ VpnGatewayId: gateway.VpnGatewayId, VpcId: vpc.VpcId }));
await ec2.send(new DeleteVpnGatewayCommand({ VpnGatewayId: gateway.VpnGatewayId }));
for (const id of subnets) await ec2.send(new DeleteSubnetCommand({ SubnetId: id }));
await ec2.send(new DeleteVpcCommand({ VpcId: vpc.VpcId }));
console.log(JSON.stringify({ connections, types: shown.map((each) => each.Options.StaticRoutesOnly), routes: after.Routes.length }));
