use super::*;

/// Mode, box, source → crop, size, canvas.
type Row = (ConstraintMode, (u32, u32), (u32, u32), Option<[u32; 4]>, (u32, u32), Option<[u32; 4]>);

fn planned(mode: ConstraintMode, target: (u32, u32), source: (u32, u32)) -> Plan {
    constrain(mode, Some(target.0), Some(target.1), None, source).expect("an ordinary job")
}

#[test]
fn each_mode_crops_scales_and_pads_as_its_name_says() {
    use ConstraintMode as M;
    let source = (132, 88);
    let rows: &[Row] = &[
        (M::Distort, (111, 164), source, None, (111, 164), None),
        (M::Within, (60, 60), source, None, (60, 40), None),
        (M::Within, (160, 150), source, None, source, None),
        (M::Fit, (160, 150), source, None, (160, 107), None),
        (M::LargerThan, (165, 120), source, None, (165, 110), None),
        (M::LargerThan, (100, 120), source, None, source, None),
        (M::WithinCrop, (44, 80), source, Some([42, 0, 90, 88]), (44, 80), None),
        (M::WithinCrop, (100, 120), source, Some([16, 0, 116, 88]), (100, 88), None),
        (M::WithinCrop, (200, 200), source, None, source, None),
        (M::FitCrop, (44, 80), source, Some([42, 0, 90, 88]), (44, 80), None),
        (M::FitCrop, (264, 88), source, Some([0, 22, 132, 66]), (264, 88), None),
        (M::AspectCrop, (3, 4), source, Some([33, 0, 99, 88]), (66, 88), None),
        (M::WithinPad, (90, 100), source, None, (90, 60), Some([90, 100, 0, 20])),
        (M::WithinPad, (200, 200), source, None, source, None),
        (M::FitPad, (90, 100), source, None, (90, 60), Some([90, 100, 0, 20])),
        (M::FitPad, (200, 200), source, None, (200, 133), Some([200, 200, 0, 34])),
    ];

    for &(mode, target, source, crop, size, canvas) in rows {
        let canvas = canvas.map(|[w, h, x, y]| Canvas { w, h, x, y });
        let plan = planned(mode, target, source);

        assert_eq!(plan, Plan { crop, size, canvas }, "{mode:?} {target:?}");
    }
}

#[test]
fn a_missing_side_follows_from_the_ratio() {
    for (w, h, size) in [
        (Some(70), None, (70, 47)),
        (None, Some(50), (75, 50)),
        (Some(70), Some(0), (70, 47)),
        (Some(70), Some(u32::MAX), (70, 47)),
        (None, None, (150, 100)),
    ] {
        let plan = constrain(ConstraintMode::Distort, w, h, None, (150, 100)).unwrap();

        assert_eq!(plan.size, size, "{w:?} {h:?}");
    }
}

#[test]
fn a_side_within_the_targets_own_rounding_loss_becomes_the_targets() {
    assert_eq!(planned(ConstraintMode::Within, (100, 33), (1200, 400)).size, (100, 33));
    assert_eq!(planned(ConstraintMode::Within, (2560, 1696), (5104, 3380)).size, (2560, 1695));
}

#[test]
fn gravity_says_which_part_stays_and_where_it_sits() {
    let corner = Some(Gravity::Percentage { x: 100.0, y: 0.0 });
    let crop = constrain(ConstraintMode::FitCrop, Some(50), Some(90), corner, (150, 100)).unwrap();
    let pad = constrain(ConstraintMode::FitPad, Some(90), Some(90), corner, (100, 200)).unwrap();

    assert_eq!(crop.crop, Some([94, 0, 150, 100]));
    assert_eq!(pad.canvas, Some(Canvas { w: 90, h: 90, x: 45, y: 0 }));
}

#[test]
fn the_centre_rounds_up_in_a_constraint_and_down_in_a_query() {
    assert_eq!(Align::Percent(50.0).offset(4, 9), 3);
    assert_eq!(Align::Center.offset(4, 9), 2);
}

#[test]
fn a_picture_without_a_size_or_with_too_long_a_side_is_an_error() {
    let of = |mode, w, h, source| constrain(mode, w, h, None, source).unwrap_err().kind;

    assert_eq!(of(ConstraintMode::Within, Some(9), None, (0, 5)), Kind::LayoutError);
    assert_eq!(of(ConstraintMode::Fit, Some(2_000_000_000), None, (1, 9)), Kind::LayoutError);
}

#[test]
fn whatever_the_sizes_crops_lie_inside_and_canvases_outside() {
    use ConstraintMode as M;
    let modes = [
        M::Distort,
        M::Within,
        M::Fit,
        M::LargerThan,
        M::WithinCrop,
        M::FitCrop,
        M::AspectCrop,
        M::WithinPad,
        M::FitPad,
    ];
    let mut seed = 1u64;
    let mut side = || {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        let bits = seed >> 59;
        1 + ((seed >> 20) & ((1 << (bits % 14)) - 1)) as u32
    };

    for round in 0..20_000 {
        let (source, target) = ((side(), side()), (side(), side()));
        let gravity = Gravity::Percentage { x: (side() % 101) as f32, y: (side() % 101) as f32 };
        for mode in modes {
            let w = (round % 5 != 0).then_some(target.0);
            let h = (round % 7 != 0).then_some(target.1);
            let plan = constrain(mode, w, h, Some(gravity), source).unwrap();

            let [x1, y1, x2, y2] = plan.crop.unwrap_or([0, 0, source.0, source.1]);
            assert!(x1 < x2 && y1 < y2 && x2 <= source.0 && y2 <= source.1, "{plan:?}");
            assert!(plan.size.0 >= 1 && plan.size.1 >= 1, "{plan:?}");
            if let Some(Canvas { w, h, x, y }) = plan.canvas {
                assert!(x + plan.size.0 <= w && y + plan.size.1 <= h, "{plan:?}");
            }
            let exact = matches!(mode, M::Distort | M::FitCrop | M::FitPad);
            if exact && let (Some(w), Some(h)) = (w, h) {
                let whole = plan.canvas.map_or(plan.size, |c| (c.w, c.h));
                assert_eq!(whole, (w, h), "{mode:?} {source:?}");
            }
        }
    }
}

fn mark(fit_box: Option<FitBox>, fit_mode: WatermarkMode, gravity: (f32, f32)) -> Watermark {
    Watermark {
        io_id: 3,
        fit_box,
        fit_mode: Some(fit_mode),
        gravity: Some(Gravity::Percentage { x: gravity.0, y: gravity.1 }),
        min_canvas_width: None,
        min_canvas_height: None,
        opacity: None,
        hints: None,
    }
}

#[test]
fn a_watermark_sits_in_its_box_by_mode_and_gravity() {
    let percent = FitBox::ImagePercentage { x1: 60.0, y1: 60.0, x2: 100.0, y2: 100.0 };
    let margins = FitBox::CanvasMargins { left: 20, top: 10, right: 70, bottom: 10 };
    for (fit_box, mode, gravity, crop, place) in [
        (None, WatermarkMode::Within, (50.0, 50.0), None, [45, 35, 60, 30]),
        (None, WatermarkMode::Distort, (0.0, 0.0), None, [0, 0, 150, 100]),
        (Some(percent), WatermarkMode::Within, (100.0, 100.0), None, [90, 70, 60, 30]),
        (
            Some(margins),
            WatermarkMode::FitCrop,
            (50.0, 50.0),
            Some([19, 0, 42, 30]),
            [20, 10, 60, 80],
        ),
    ] {
        let placed = place_watermark(&mark(fit_box, mode, gravity), (150, 100), (60, 30));

        let [x, y, w, h] = place;
        assert_eq!(placed, Ok(Some(Placement { crop, x, y, w, h })), "{fit_box:?}");
    }
}

#[test]
fn a_watermark_without_room_is_left_out() {
    let meeting = FitBox::ImageMargins { left: 80, top: 0, right: 70, bottom: u32::MAX };
    let nothing = FitBox::ImagePercentage { x1: 50.0, y1: 0.0, x2: 50.1, y2: 100.0 };
    let too_wide = Watermark {
        min_canvas_width: Some(150),
        ..mark(None, WatermarkMode::Within, (50.0, 50.0))
    };
    let wide_enough = Watermark { min_canvas_width: Some(149), ..too_wide.clone() };
    let placed = |mark: &Watermark| place_watermark(mark, (150, 100), (60, 30)).unwrap();

    assert_eq!(placed(&mark(Some(meeting), WatermarkMode::Within, (0.0, 0.0))), None);
    assert_eq!(placed(&mark(Some(nothing), WatermarkMode::Within, (0.0, 0.0))), None);
    assert!(!has_room_for(&too_wide, (150, 100)));
    assert!(has_room_for(&wide_enough, (150, 100)));
}
