//! The fence itself; its use is tested through the map.

use std::sync::Arc;

use super::*;

type Node = NodePtr<Arc<()>>;

#[test]
fn equal_bytes_agree_with_a_plain_loop() {
    let mut state = 1u64;
    for _ in 0..2_000 {
        let line: [u8; LINE] = std::array::from_fn(|_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1);
            // Few values, so that neighbours are often equal or one apart.
            [0, 1, 127, 128, 129, 255][(state >> 33) as usize % 6]
        });
        for byte in [0, 1, 2, 127, 128, 129, 254, 255] {
            let expected = (0..24).fold(0, |bits, i| bits | u32::from(line[i] == byte) << i);
            assert_eq!(equal_bytes(&line, byte), expected);
            let mut word = [0; 8];
            word.copy_from_slice(&line[..8]);
            let word = u64::from_le_bytes(word);
            assert_eq!(equal_bytes_in_word(word, byte), expected & 255);
        }
    }
}

#[test]
fn every_shape_survives_the_trip_through_a_pointer() {
    for steps in 1..=MAX_STEPS {
        for groups in 1..=MAX_GROUPS {
            let leaf = Node::new_leaf(steps, groups, &[7]);
            assert_eq!(leaf.shape(), Shape::Leaf { steps, groups });
            let View::Leaf(view) = leaf.view() else {
                unreachable!()
            };
            assert_eq!(view.page.bytes.len(), steps * STEP - LINE);
        }
    }
    for bits in 1..=INNER_BITS_MAX {
        let inner = Node::new_inner(bits);
        assert_eq!(inner.shape(), Shape::Inner { bits });
        let View::Inner(view) = inner.view() else {
            unreachable!()
        };
        assert_eq!((view.slots.len(), view.starts), (1 << bits, 1));
    }
    assert_eq!(Node::new_chain(Vec::new()).shape(), Shape::Chain);
}

#[test]
fn a_shared_node_is_copied_before_it_changes() {
    let mut first = Node::new_leaf(2, 1, &[]);
    let second = first.clone();
    assert!(!first.is_unique());
    let ViewMut::Leaf(leaf) = first.unique_mut() else {
        unreachable!()
    };
    leaf.page.bytes[0] = 9;
    let View::Leaf(leaf) = second.view() else {
        unreachable!()
    };
    assert_eq!(leaf.page.bytes[0], 0);
    assert!(first.is_unique());
}

#[test]
fn what_a_node_holds_is_dropped_once() {
    let token = Arc::new(());
    let leaf = || {
        let mut leaf = Node::new_leaf(2, 1, &[]);
        let ViewMut::Leaf(view) = leaf.unique_mut() else {
            unreachable!()
        };
        view.page.side = Some(Box::new(Arc::clone(&token)));
        leaf
    };
    let mut inner = Node::new_inner(1);
    let ViewMut::Inner(view) = inner.unique_mut() else {
        unreachable!()
    };
    view.slots[0] = Some(leaf());
    view.slots[1] = Some(Node::new_chain(vec![leaf(), leaf()]));
    let mut copy = inner.clone();
    let ViewMut::Inner(view) = copy.unique_mut() else {
        unreachable!()
    };
    assert_eq!(
        Arc::strong_count(&token),
        4,
        "children are shared, not copied"
    );
    view.slots[0] = None;
    drop(inner);
    assert_eq!(Arc::strong_count(&token), 3);
    drop(copy);
    assert_eq!(Arc::strong_count(&token), 1);
}
