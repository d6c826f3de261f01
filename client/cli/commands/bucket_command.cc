// bucket.
#include <absl/strings/str_cat.h>

#include <algorithm>

#include "client/cli/commands/commands.h"
#include "client/cli/commands/output.h"
#include "client/cli/text/human.h"

namespace kv::cli {
namespace {

Json bucket_json(const client::Bucket& bucket) {
  Json json;
  json["name"] = bucket.name;
  json["policy"] = bucket.policy;
  json["ttl_ms"] = bucket.ttl.count();
  return json;
}

std::string ttl_of(const client::Bucket& bucket) {
  return bucket.ttl.count() == 0 ? "-" : absl::StrCat(bucket.ttl.count(), "ms");
}

void print(const std::vector<client::Bucket>& buckets, const Options& options, Console& console) {
  Table table({"NAME", "POLICY", "TTL"});
  for (const client::Bucket& bucket : buckets) {
    if (options.output == OutputFormat::kJson)
      console.out << to_line(bucket_json(bucket));
    else if (options.output == OutputFormat::kTable)
      table.add({bucket.name, bucket.policy, ttl_of(bucket)});
    else
      console.out << bucket.name << "\t" << bucket.policy << "\t" << ttl_of(bucket) << "\n";
  }
  if (options.output == OutputFormat::kTable) console.out << table.take();
}

}  // namespace

ExitCode run_bucket(const Options& options, client::Client& client, Console& console) {
  if (options.bucket_action == "create") {
    const auto created =
        client.create_bucket({options.bucket_name, options.policy, options.ttl}, options.timeout);
    if (!created.ok()) return report(created.failure(), true, options.output, console);
    print({*created}, options, console);
    return finish_output(kOk, options.output, console);
  }
  auto buckets = client.buckets(options.timeout);
  if (!buckets.ok()) return report(buckets.failure(), false, options.output, console);
  if (options.bucket_action == "show")
    std::erase_if(*buckets,
                  [&](const client::Bucket& each) { return each.name != options.bucket_name; });
  if (buckets->empty()) {
    console.err << absl::StrCat("kv: there is no bucket \"", options.bucket_name, "\"\n");
    return kNotFound;
  }
  print(*buckets, options, console);
  return finish_output(kOk, options.output, console);
}

}  // namespace kv::cli
