//! `CLUSTER`, `READONLY`, `READWRITE`, `ASKING`, of a server that is a cluster's only node.

use std::sync::atomic::Ordering;

use super::{Call, Run, refuse};
use crate::command::reply::Reply;
use crate::command::scan::for_each_key;
use crate::error::Error;
use crate::server::cluster::{SLOTS, slot_of};

pub(super) static COMMANDS: &[(&str, Run)] = &[
    ("ASKING", |call| call.of_cluster(|_| Ok(Reply::ok()))),
    ("READONLY", |call| call.of_cluster(|_| Ok(Reply::ok()))),
    ("READWRITE", |call| call.of_cluster(|_| Ok(Reply::ok()))),
    ("CLUSTER|COUNTKEYSINSLOT", |call| {
        call.of_cluster(Call::count_keys_in_slot)
    }),
    ("CLUSTER|GETKEYSINSLOT", |call| {
        call.of_cluster(Call::keys_in_slot)
    }),
    ("CLUSTER|INFO", |call| {
        call.of_cluster(|_| Ok(INFO.as_bytes().to_vec().into()))
    }),
    ("CLUSTER|KEYSLOT", |call| {
        call.of_cluster(|call| Ok(i64::from(slot_of(call.args.word(2)?)).into()))
    }),
    ("CLUSTER|MYID", |call| call.of_cluster(|call| Ok(call.id()))),
    ("CLUSTER|NODES", |call| {
        call.of_cluster(|call| Ok(call.nodes()))
    }),
    ("CLUSTER|SHARDS", |call| {
        call.of_cluster(|call| Ok(call.shards()))
    }),
    ("CLUSTER|SLOTS", |call| {
        call.of_cluster(|call| Ok(call.slots()))
    }),
];

/// What a node with every slot says that has never met another.
const INFO: &str = "cluster_state:ok\r\n\
    cluster_slots_assigned:16384\r\n\
    cluster_slots_ok:16384\r\n\
    cluster_slots_pfail:0\r\n\
    cluster_slots_fail:0\r\n\
    cluster_known_nodes:1\r\n\
    cluster_size:1\r\n\
    cluster_current_epoch:0\r\n\
    cluster_my_epoch:0\r\n\
    cluster_stats_messages_sent:0\r\n\
    cluster_stats_messages_received:0\r\n\
    total_cluster_links_buffer_limit_exceeded:0\r\n";

fn text(text: &str) -> Reply {
    Reply::from(text)
}

impl Call<'_> {
    /// Answers if the server is a cluster's node.
    fn of_cluster(
        self,
        answer: impl FnOnce(&Self) -> Result<Reply, Error>,
    ) -> Result<Reply, Error> {
        if !self.state.hub.settings.is_cluster {
            return Err(refuse("ERR This instance has cluster support disabled"));
        }
        answer(&self)
    }

    fn id(&self) -> Reply {
        text(&self.state.hub.run_id)
    }

    fn port(&self) -> u64 {
        self.state.hub.port.load(Ordering::Relaxed)
    }

    /// The node knows no address of its own: clients take the one they came by.
    fn slots(&self) -> Reply {
        let node = vec![
            text(""),
            self.port().into(),
            self.id(),
            Reply::Array(Vec::new()),
        ];
        let range = vec![
            Reply::Int(0),
            Reply::Int(i64::from(SLOTS) - 1),
            Reply::Array(node),
        ];
        Reply::Array(vec![Reply::Array(range)])
    }

    fn shards(&self) -> Reply {
        let node = Reply::Map(vec![
            (text("id"), self.id()),
            (text("port"), self.port().into()),
            (text("ip"), text("")),
            (text("endpoint"), text("")),
            (text("role"), text("master")),
            (text("replication-offset"), Reply::Int(0)),
            (text("health"), text("online")),
        ]);
        let slots = vec![Reply::Int(0), Reply::Int(i64::from(SLOTS) - 1)];
        let shard = vec![
            (text("slots"), Reply::Array(slots)),
            (text("nodes"), Reply::Array(vec![node])),
        ];
        Reply::Array(vec![Reply::Map(shard)])
    }

    fn nodes(&self) -> Reply {
        let (id, port) = (&self.state.hub.run_id, self.port());
        // A node's other port is so much higher.
        let bus_port = port + 10_000;
        let last = SLOTS - 1;
        let line = format!("{id} :{port}@{bus_port} myself,master - 0 0 0 connected 0-{last}\n");
        text(&line)
    }

    /// The slot that is asked about.
    fn asked_slot(&self, refusal: &'static str) -> Result<u16, Error> {
        let slot = u16::try_from(self.args.int(2)?).ok();
        let slot = slot.filter(|&slot| slot < SLOTS);
        slot.ok_or_else(|| refuse(refusal))
    }

    fn count_keys_in_slot(&self) -> Result<Reply, Error> {
        let slot = self.asked_slot("ERR Invalid slot")?;
        let mut count = 0_u64;
        for_each_key(self.host, &mut |key| {
            count += u64::from(slot_of(key) == slot);
        })?;
        Ok(count.into())
    }

    fn keys_in_slot(&self) -> Result<Reply, Error> {
        let refusal = "ERR Invalid slot or number of keys";
        let count = self.args.int(3)?;
        let slot = self.asked_slot(refusal)?;
        let count = usize::try_from(count).map_err(|_negative| refuse(refusal))?;
        let mut keys: Vec<Vec<u8>> = Vec::new();
        for_each_key(self.host, &mut |key| {
            if keys.len() < count && slot_of(key) == slot {
                keys.push(key.to_vec());
            }
        })?;
        Ok(keys.into())
    }
}
