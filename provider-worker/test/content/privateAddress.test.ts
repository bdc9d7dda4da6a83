import assert from "node:assert/strict";
import { describe, it } from "node:test";

import { isPrivateAddress } from "../../src/content/privateAddress.js";

describe("An address is not fetched from", () => {
  for (const [what, addresses] of [
    ["this machine", ["127.0.0.1", "127.255.255.255", "0.0.0.0", "::", "::1"]],
    ["a private network", ["10.1.2.3", "172.16.0.1", "172.31.255.255", "192.168.1.1", "fc00::1", "fdff::1"]],
    ["the link", ["169.254.169.254", "fe80::1", "febf::1"]],
    ["a site, as it was once", ["fec0::1", "feff::1"]],
    ["customers of one carrier", ["100.64.0.1", "100.127.255.255"]],
    ["protocols", ["192.0.0.8", "192.0.0.170", "192.88.99.1", "192.31.196.1", "192.52.193.1", "192.175.48.1"]],
    ["protocols of IPv6", ["2001:1::1", "2001:10::1", "2001:20::1", "2620:4f:8000::1", "100::1", "5f00::1"]],
    ["benchmarks", ["198.18.0.1", "198.19.255.255", "2001:2::1"]],
    ["documentation", ["192.0.2.1", "198.51.100.1", "203.0.113.1", "2001:db8::1", "3fff::1"]],
    ["multicast", ["224.0.0.1", "239.255.255.255", "ff02::1"]],
    ["what is reserved", ["240.0.0.1", "255.255.255.255", "4000::1", "8000::1"]],
    ["IPv4 mapped into IPv6", ["::ffff:127.0.0.1", "::ffff:7f00:1", "::ffff:8.8.8.8", "::ffff:0:7f00:1"]],
    ["IPv4-compatible addresses", ["::7f00:1", "::127.0.0.1", "::a00:1"]],
    ["translated IPv4", ["64:ff9b::7f00:1", "64:ff9b::10.0.0.1", "64:ff9b:1::1", "64:ff9b:1:ffff::a00:1"]],
    ["6to4", ["2002:7f00:1::", "2002:a00:1::1", "2002:808:808::1"]],
    ["Teredo", ["2001::1", "2001:0:7f00:1::1"]],
    ["a scope", ["fe80::1%eth0"]],
  ] as const) {
    it(`that belongs to ${what}`, () => {
      for (const address of addresses) assert.equal(isPrivateAddress(address), true, address);
    });
  }

  it("unless it is public", () => {
    for (const address of [
      ...["8.8.8.8", "1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1", "126.255.255.255"],
      ...["128.0.0.1", "169.253.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "192.0.3.1", "192.167.0.1"],
      ...["198.17.0.1", "198.20.0.1", "223.255.255.255", "2001:4860:4860::8888", "2606:4700:4700::1111"],
      ...["2001:200::1", "2001:db7::1", "2003::1", "2a00:1450::1", "3ffe::1"],
    ]) {
      assert.equal(isPrivateAddress(address), false, address);
    }
  });
});
